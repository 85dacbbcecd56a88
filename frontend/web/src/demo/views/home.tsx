import { Link } from 'wouter'
import { useHub } from '../store'

export function Home() {
  const [hub] = useHub()
  const open = hub.projects.filter((project) => !project.isArchived)
  const tasks = open.flatMap(({ id, title, subtasks }) =>
    subtasks
      .filter((task) => !task.isDone)
      .map((task) => ({ ...task, project: title, projectId: id })),
  )
  const unread = hub.emails.filter((email) => email.state === 'new')
  return (
    <>
      <h1>Today</h1>
      <p className="quiet-text">
        {tasks.length} tasks in {open.length} projects, {unread.length} unread emails.
      </p>
      <div className="tiles">
        <section className="tile">
          <h2>Next</h2>
          <ul className="lines">
            {tasks.slice(0, 5).map((task) => (
              <li key={task.id}>
                <Link href={`/projects/${task.projectId}`}>{task.title}</Link>
                <span className="quiet-text">{task.project}</span>
              </li>
            ))}
          </ul>
        </section>
        <section className="tile">
          <h2>Unread</h2>
          <ul className="lines">
            {unread.map((email) => (
              <li key={email.id}>
                <Link href="/emails">{email.subject}</Link>
                <span className="quiet-text">{email.from}</span>
              </li>
            ))}
          </ul>
        </section>
        <section className="tile accent">
          <h2>Something new?</h2>
          <p>Let the wizard make a plan of it.</p>
          <Link className="button" href="/?wizard">
            Plan a project
          </Link>
        </section>
      </div>
    </>
  )
}
