# ruff: noqa: E501, RUF001 (a payload reads better in long lines; spelt in other alphabets on purpose)
"""Payloads and spellings that the rules were written against: the faults that trying found, and
more of each kind."""

from typing import Any

from benchmarks.pii_sets.labels import card, either, email, iban, ip, key, phone, token

ALL: list[dict[Any, Any]] = [
    # Things that share a person's key.
    {"repository": {"name": "app", "full_name": "acme/app", "owner": {"type": "Organization"}}, "label": {"name": "bug"}, "plan": {"name": "Pro"}, "step": {"name": "build"}},
    {"email": {"id": "m-7", "thread": "t-1", "folder": "inbox", "unread": True, "size": 12, "labels": ["a"]}},
    {"mobile": 1, "desktop": 3}, {"mobile": 12345678, "desktop": 34567890, "tablet": 3}, {"phone": "iPhone 15 Pro"}, {"tag": "4.18.0.1"}, {"phone": 15}, {"mobile": "responsive"},
    {"address": {"id": 7, "kind": "delivery", "verified": True, "lines": 2}}, {"address": "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B"}, {"address": "eth0"},
    {"name": "Roadmap", "owner_id": 7}, {"name": "Roadmap", "ip": "auto"}, {"product": {"name": "Desk", "email": email("sales@desk.example.com")}},
    {"company": {"name": "Acme", "phone": phone("+1 415-555-2671")}}, {"file": {"name": "a.pdf", "size": 9}}, {"display_name": "Settings", "icon": "gear"},
    {"name": "Checkout", "token": {"count": 3}}, {"fields": [{"name": "email", "type": "text"}, {"name": "phone", "type": "tel"}]},
    {"password": {"length": 9, "score": 3, "changed": "2026-11-20"}}, {"secret": {"version": 3, "status": "active"}}, {"cookie": "accepted"}, {"token": "identifier"}, {"authorization": "granted"},
    {"zip": "a.zip"}, {"zip": True}, {"street": 4}, {"birthday": True}, {"passport": "required"}, {"iban": True}, {"ip": "v4"}, {"pan": "left"}, {"cell": "B12"}, {"tel": 112}, {"cell": 12},
    {"deps": ["react@canary.next", "pkg@1.2.3", "a@latest", "vue@next", "x@beta.dev", "b@1.0.0-rc.1.next"]}, {"src": ["icon@2x.png", "bg@3x.jpg", "u@main.css", "logo@host.svg"]},
    {"messageId": "<20260101.1234@mail.example.com>"}, {"text": "Message-ID: <a1b2c3@mail.example.com>"}, {"inReplyTo": "CA+x1@mail.example.com"}, {"log": "<20251120101112.445566@mx.example.org>"},
    {"remote": "git@github.com:org/repo.git"}, {"remote": "gitea@code.example.com:org/repo.git"}, {"remote": "ssh://hg@hg.example.com/repo"}, {"mask": "255.255.255.0"}, {"net": "0.0.0.0/0"},
    {"ids": ["4111111111111111", "5555555555554444"], "orderId": "4012888888881881", "order_number": 4111111111111111, "bytes": 4111111111111111}, {"path": "/orders/4111111111111111/lines"},
    {"at": "2026-11-20T09:15:00+01:00", "uuid": "00491701-2345-4678-9000-000000000000", "trace": "4111111111111111"}, {"build": "10.0.2.15"}, {"os": {"version": "10.0.19045.1"}}, {"text": "see section 10.1.2.3"},
    {"url": "https://example.com/?page=2&name=list&code=404&key=name&token_type=x&tokens=4"}, {"url": "https://example.com/?mobile=1&email=on&phone=android"}, {"url": "/a?next=/b&page_token=abc123def456ghi"},
    {"code": "if (token == password) return secret = null"}, {"html": "<input name=email type=password>"}, {"css": "[data-token=on]{}"}, {"text": "50%25 =3D &amp;"}, {"text": "R&D &copy; 2026"},
    # Persons.
    {"user": {"id": 7, "name": key("Ada Lovelace")}}, {"assignee": {"name": key("Bob")}}, {"attendees": [{"name": key("Cy")}]}, {"name": key("Ada"), "email": email("ada@example.com")}, {"name": key("Ada"), "firstName": key("Ada")},
    {"name": key("Dan Brown"), "phone": phone("030 901820"), "city": either("Berlin")}, {"customer_name": key("Eve")}, {"userName": key("eve")}, {"FULLNAME": key("Eve Adams")}, {"name": {"first": key("Ada"), "last": key("Lovelace")}, "email": email("a@b.example.org")},
    {"person": {"displayName": key("Ada L")}}, {"billing": {"email": email("b@c.example.com"), "name": key("B C")}}, {"customer": {"address": {"lines": [key("Main St 1"), key("Flat 2")], "city": either("Bath"), "zip": key("BA1 1AA"), "verified": True}}},
    {"email": [email("a@x.example.com"), email("b@x.example.com")]}, {"emails": [{"value": email("c@x.example.com"), "type": "work", "primary": True}]}, {"phones": [{"type": "mobile", "number": phone("0171 1234567")}]}, {"phone": {"home": phone("020 7946 0958"), "verified": False}},
    {"address": key("Hauptstr. 5, 10115 Berlin")}, {"home_address": key("1 Elm St")}, {"mailingAddress": key("PO Box 7")}, {"addressLine2": key("Floor 3")}, {"postal-code": key("10115")}, {"zip": key(94107)}, {"plz": key("10115")}, {"ZipCode": key("94107-1234")},
    # Numbers.
    {"note": card(4111111111111111)}, {"amount_of": card(5555555555554444)}, {"card_number": card(378282246310005)}, {"phone": phone(4915112345678)}, {"mobile": phone(79161234567)}, {"tel": phone("089 123456")}, {"contactPhone": phone("01632 960983")}, {"fax": phone("040/123456")},
    {"x": phone("0049 30 901820")}, {"x": phone("0033612345678")}, {"x": phone("+49 (0) 30 901820")}, {"x": phone("Tel: 030 901820", "901820")}, {"x": phone("tel:030901820", "901820")}, {"x": iban("de89370400440532013000")}, {"x": iban("gb29 nwbk 6016 1331 9268 19 is mine", "6016 1331")}, {"x": iban("DE89-3704-0044-0532-0130-00")},
    {"x": card("4111%201111%201111%201111")}, {"x": card("4111\u20131111\u20131111\u20131111")}, {"x": card("4111\u00a01111\u00a01111\u00a01111")}, {"x": card("４１１１１１１１１１１１１１１１")}, {"x": card("4111.1111.1111.1111")}, {"x": card("٤١١١١١١١١١١١١١١١")}, {"x": card("4111\u200b1111\u200b1111\u200b1111")}, {"x": card("4111+1111+1111+1111")},
    # Spellings.
    {"page": email("/welcome?email=ada%40example.com", "ada", "example.com")}, {"page": email("/welcome?email=ada%2540example.com", "ada", "example.com")}, {"page": email("/u/ada%40example.com", "ada", "example")}, {"x": email("ada＠example.com", "ada", "example")}, {"x": email("ada(at)example.com", "ada", "example")}, {"x": email("ada [at] example [dot] com", "ada", "example")},
    {"x": email("ada&#64;example.com", "ada", "example")}, {"x": email("ada&#x40;example&period;com", "ada", "example")}, {"x": email("ada&commat;example.com", "ada", "example")}, {"x": email("ada=40example.com", "ada", "example")}, {"x": email("a\u00adda@exam\u200bple.com", "da", "exam")}, {"x": email("\ufeffada@example.com", "ada")}, {"x": email("a%64a%40ex%61mple.com", "%64a", "mple")},
    {"x": email("ada\\u0040example.com", "ada", "example")}, {"x": email("ada@example.com:foo/bar", "ada", "example")}, {"x": email('"Ada L"@example.com', "Ada", "example")}, {"x": email("ADA%40EXAMPLE.COM", "ADA", "EXAMPLE")}, {"x": email("?to=ADA%40EXAMPLE.COM", "ADA", "EXAMPLE")}, {"x": email("ada@example。com", "ada", "example")}, {"x": email("ａｄａ@ｅｘａｍｐｌｅ.com", "ａｄａ", "ｍｐｌｅ")},
    {email("ada%40example.com", "ada"): 1}, {email("ada(at)example.com", "ada"): True}, {email("＠".join(("ada", "example.com")), "ada"): 1}, {"p": phone("%2B4930901820", "901820")}, {"p": phone("%2B49%2030%20901820", "901820")}, {"p": phone("tel:%2B1-415-555-2671", "2671")}, {"p": ip("192%2E168%2E1%2E20", "192%2E")}, {"p": ip("2001%3Adb8%3A%3A8a2e%3A370%3A7334", "2001%3A")}, {"p": ip("１９２.168.1.20", "168.1")},
    # Parameters and userinfo.
    {"page": token("/reset?token=9f8e7d6c5b4a3f2e&password=hunter22&name=Ada+Lovelace", "9f8e", "hunter22", "Ada", "Lovelace")}, {"u": token("https://x.example/#access_token=abc123def456", "abc123")}, {"u": token("?api_key=k1&code=SplxlOBeZQQYbYS6", "k1", "SplxlO")}, {"u": token("https://user:pw@host/x", "user", "pw")}, {"u": token("postgresql://u:secretpw@db/x", "secretpw")},
    {"u": token("/cb?client_secret=x1&state=ok", "x1")}, {"u": token("a;password=x;b=1", "password=x")}, {"u": token("https%3A%2F%2Fh%2F%3Ftoken%3Dabc123", "abc123")}, {"u": token("mysql://root:p%40ssw@h/w", "p%40ssw")}, {"u": token("?X-Amz-Signature=abcdef0123456789", "abcdef01")}, {"u": token("?sig=abcDEF123%3D", "abcDEF")}, {"u": token("redis://:pw@h:1/0", ":pw@")}, {"u": token("//u:pw9@host/x", "pw9")},
    {"u": key("/s?first_name=Ada&last_name=Lovelace", "Ada", "Lovelace")}, {"u": key("/s?phone=030901820", "030901820")}, {"u": key("/s?zip=94107", "94107")}, {"u": key("/s?dob=1990-01-02", "1990")}, {"u": token("otpauth://totp/x?secret=JBSWY3DPEHPK3PXP", "JBSWY3")}, {"u": token('{"password": "hunter2", "a": 1}', "hunter2")}, {"u": token("password=hunter2", "hunter2")}, {"u": token("x&token=[redacted:token]&pwd=zz9", "zz9")},
    # Secrets by key and form.
    {"client_secret": token("x")}, {"privateKey": token("x")}, {"private_key": token("-----BEGIN " + "PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----")}, {"x-api-key": token("x")}, {"X-Api-Key": token("x")}, {"headers": {"Authorization": token("Basic YWRhOmh1bnRlcjI="), "Cookie": token("sid=1"), "Accept": "*/*"}}, {"h": token("Basic YWRhOmh1bnRlcjI=")}, {"h": token("Bearer 0123456789abcdef0123")}, {"userPassword": token("x")}, {"dbPassword": token("x")}, {"accessKey": token("Ax91")},
    {"firstname": key("Ada")}, {"FirstName": key("Ada")}, {"FIRST_NAME": key("Ada")}, {"first-name": key("Ada")}, {"surname": key("L")}, {"contact_email": email("x@y.example.com")}, {"passportNumber": key("C01X00T47")}, {"tax_id": key("12-345")}, {"SSN": key("078-05-1120")}, {"ssn": key(78051120)}, {"nationalId": key("AB123456C")}, {"birthDate": key("1990-01-02")},
]  # fmt: skip
