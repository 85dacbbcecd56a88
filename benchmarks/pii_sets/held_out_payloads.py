# ruff: noqa: E501 (a payload reads better in long lines)
"""Payloads as real services send them, from memory of their documentation, made up in content.

Held out: written before the rules of the scanner, which were not tuned on them.
"""

from typing import Any

from benchmarks.pii_sets.labels import card, either, email, iban, ip, key, phone, token

Payload = dict[Any, Any]

CODE_HOSTS: list[Payload] = [
    {  # a push
        "ref": "refs/heads/main",
        "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
        "after": "0000000000000000000000000000000000000000",
        "repository": {
            "id": 186853002,
            "node_id": "MDEwOlJlcG9zaXRvcnkxODY4NTMwMDI=",
            "name": "Hello-World",
            "full_name": "Codertocat/Hello-World",
            "private": False,
            "owner": {
                "name": key("Cody Tocat"),
                "email": email("21031067+Codertocat@users.noreply.github.com"),
                "login": either("Codertocat"),
                "id": 21031067,
            },
            "html_url": "https://github.com/Codertocat/Hello-World",
            "ssh_url": "git@github.com:Codertocat/Hello-World.git",
            "clone_url": "https://github.com/Codertocat/Hello-World.git",
            "git_url": "git://github.com/Codertocat/Hello-World.git",
            "created_at": 1557933565,
            "pushed_at": 1557933657,
            "default_branch": "main",
            "stargazers": 0,
        },
        "pusher": {"name": key("Cody Tocat"), "email": email("cody@tocat.dev")},
        "commits": [
            {
                "id": "7638417db6d59f3c431d3e1f261cc637155684cd",
                "message": "Bump lodash from 4.17.19 to 4.17.21",
                "timestamp": "2019-05-15T15:20:41Z",
                "author": {
                    "name": key("Monalisa Octocat"),
                    "email": email("mona@github.example"),
                    "username": either("octocat"),
                },
                "committer": {"name": key("Web Flow"), "email": email("noreply@github.example")},
                "added": ["packages/icon@2x.png"],
                "modified": ["README.md"],
            }
        ],
        "compare": "https://github.com/Codertocat/Hello-World/compare/6113728f27ae...000000000000",
    },
    {  # an issue
        "action": "labeled",
        "issue": {
            "number": 1347,
            "title": "Found a bug",
            "labels": [
                {"id": 208045946, "name": "bug", "color": "f29513", "default": True},
                {"name": "help wanted"},
            ],
            "milestone": {"title": "v1.0", "number": 1, "due_on": "2012-10-09T23:39:01Z"},
            "user": {"login": either("octocat"), "id": 1, "type": "User", "site_admin": False},
            "body": email(
                "I'm having a problem with this, mail me at mona.lisa@tocat.example.org",
                "mona.lisa@tocat",
            ),
            "comments": 0,
            "node_id": "MDU6SXNzdWUx",
        },
        "label": {"name": "documentation", "description": "Improvements"},
        "organization": {"login": either("github"), "name": "Octo Corp", "id": 1},
        "installation": {"id": 5},
    },
    {  # a workflow run
        "workflow_run": {
            "id": 30433642,
            "name": "Build",
            "head_branch": "dependabot/npm_and_yarn/types/node-20.11.5",
            "run_number": 562,
            "event": "push",
            "conclusion": "success",
            "path": ".github/workflows/build.yml@main",
            "head_sha": "acb5820ced9479c074f688cc328bf03f341a511d",
        },
        "workflow": {"name": "CI", "state": "active"},
        "steps": [
            {"name": "Set up job", "status": "completed"},
            {"name": "Run actions/checkout@v4", "status": "completed"},
            {"name": "Post Run docker/login-action@v3.0.0"},
        ],
        "runner": {"name": "GitHub Actions 2", "group": {"name": "Default"}},
        "labels": ["ubuntu-22.04.3.1"],
    },
    {  # a merge request
        "object_kind": "merge_request",
        "user": {
            "id": 1,
            "name": key("Administrator Ann"),
            "username": key("root-ann"),
            "avatar_url": "https://www.gravatar.com/avatar/e64c7d89f26bd1972efa854d13d7dd61?s=40&d=identicon",
            "email": email("admin@gitlab.example"),
        },
        "project": {
            "id": 1,
            "name": "Gitlab Test",
            "namespace": "GitlabHQ",
            "path_with_namespace": "gitlabhq/gitlab-test",
            "git_ssh_url": "git@gitlab.example.com:gitlabhq/gitlab-test.git",
            "git_http_url": "http://gitlab.example.com/gitlabhq/gitlab-test.git",
            "ci_config_path": ".gitlab-ci.yml",
        },
        "object_attributes": {
            "id": 99,
            "iid": 1,
            "title": "MS-Viewport",
            "source_branch": "ms-viewport",
            "last_commit": {
                "id": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
                "author": {
                    "name": key("GitLab dev user"),
                    "email": email("gitlabdev@dv6700.example"),
                },
            },
        },
        "labels": [{"id": 206, "title": "API", "type": "ProjectLabel"}],
        "build": {"name": "test:rspec 1/2", "stage": "test"},
    },
    {  # a package registry
        "name": "react",
        "version": "19.0.0-rc.1",
        "dist-tags": {"latest": "18.3.1", "canary": "react@19.0.0-canary-4beb1fd8"},
        "spec": "react-dom@canary.next",
        "maintainers": [
            {"name": key("fb"), "email": email("opensource+npm@fb.com")},
            {"name": key("Dan A."), "email": email("dan@react.example.dev")},
        ],
        "_resolved": "https://registry.example.org/@types/node/-/node-20.11.5.tgz",
        "purl": "pkg:npm/%40angular/core@12.3.1",
        "bin": "npx create-react-app@5.0.1",
        "dependencies": {
            "scheduler": "npm:scheduler@0.25.0",
            "loose-envify": "^1.1.0",
            "@babel/core": "7.23.9",
        },
        "integrity": "sha512-WS3cwEcb7aLZVVMuBeTnkmqGrIvZoJ9nwmqJ8xgFjQ3EUyYAuWPDnkRKXzsKEMwVGSmTw==",
    },
    {  # a deployment
        "container": {
            "name": "web-1",
            "image": "registry.example.com/app@sha256:9b7cb7b3a4b5a6a8c0f0d2a1b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6",
            "Ports": "0.0.0.0:8080->80/tcp",
        },
        "cluster": {"name": "prod-eu"},
        "namespace": {"name": "default"},
        "node": {"name": "gke-node-1", "internalIP": ip("10.128.0.15")},
        "kubelet": "v1.27.3-gke.100",
        "env": [
            {
                "name": "DATABASE_URL",
                "value": token("postgres://app:Tr0ub4dor@db.internal:5432/app", "Tr0ub4dor"),
            },
            {"name": "LOG_LEVEL", "value": "debug"},
        ],
        "netmask": "255.255.255.0",
        "kernel": "5.15.0.91",
        "chart": "ingress-nginx-4.8.3",
        "driverVersion": "31.0.15.4601",
        "dns": "svc.cluster.local",
    },
    {  # an incident in a repository's secrets
        "alert": {
            "number": 42,
            "secret_type": "mailchimp_api_key",
            "secret": token("d4f" + "5a6b7c8d9e0f1a2b3c4d5e6f7a8b9-us20"),
            "validity": "active",
            "state": "open",
        },
        "commit": {
            "verification": {
                "verified": True,
                "reason": "valid",
                "signature": either(
                    "-----BEGIN PGP SIGNATURE-----\n\niQIzBAABCAAdFiEE\n-----END PGP SIGNATURE-----"
                ),
            }
        },
        "found": [
            token(
                "aws_secret_access_key=" + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "wJalrXUtnFEMI",
            ),
            token(
                "export GITHUB_TOKEN=" + "gho_" + "16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42F"
            ),
        ],
        "file": "config/settings.py",
        "remote": token(
            "https://x-access-token:"
            + "ghs_"
            + "f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1@github.com/acme/app.git",
            "ghs_f8a7b6",
        ),
    },
]
PAYMENTS: list[Payload] = [
    {  # a charge
        "id": "ch_3MmlLrLkdIwHu7ix0snN0B15",
        "object": "charge",
        "amount": 1099,
        "balance_transaction": "txn_3MmlLrLkdIwHu7ix0uke3Ezy",
        "created": 1679090539,
        "currency": "usd",
        "billing_details": {
            "address": {
                "line1": key("510 Townsend St"),
                "line2": None,
                "city": either("San Francisco"),
                "state": either("CA"),
                "postal_code": key("94103"),
                "country": either("US"),
            },
            "email": email("jenny.rosen@example.com"),
            "name": key("Jenny Rosen"),
            "phone": phone("+14155550132"),
        },
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "last4": "4242",
                "exp_month": 3,
                "exp_year": 2027,
                "fingerprint": "mToisGZ01V71BCos",
                "network": "visa",
                "network_transaction_id": "104102978678771",
                "wallet": None,
            },
            "type": "card",
        },
        "receipt_email": email("jenny.rosen+receipts@example.com"),
        "receipt_url": either(
            "https://pay.stripe.com/receipts/payment/CAcaFwoVYWNjdF8xTTJKVGtMa2RJd0h1N2l4KOvG06AGMgZfBXyr1aw6LBa9vaaSRWU96d8qBwz9z2J_CObiV_H2-e8RezSK_sw0KISesp4czsOUlVKY"
        ),
        "client_secret": token("pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_YrKJUKribcBjcG8HVhfZluoGH"),
        "statement_descriptor": "STRIPE* TEST",
        "customer": "cus_NffrFeUfNV2Hib",
        "invoice": "in_1MtHbELkdIwHu7ixl4OzzPMv",
    },
    {  # a subscription
        "customer": {
            "id": "cus_9s6XKzkNRiz8i3",
            "name": key("Lucas Grey"),
            "email": email("lucas@grey.example.net"),
            "phone": phone("020 7946 0321"),
            "balance": 0,
            "preferred_locales": ["en-GB"],
            "tax_exempt": "none",
            "invoice_prefix": "0759376C",
        },
        "items": {
            "data": [
                {
                    "price": {
                        "id": "price_1MowQULkdIwHu7ixraBm864M",
                        "nickname": "Gold monthly",
                        "unit_amount": 2000,
                    },
                    "plan": {"name": "Gold", "interval": "month"},
                }
            ]
        },
        "product": {
            "id": "prod_NZKdYqrwEYx6iK",
            "name": "T-shirt",
            "description": "Comfortable cotton t-shirt",
        },
        "coupon": {"name": "25.5% off", "id": "Z4OV52SU"},
        "latest_invoice": "in_1MowQWLkdIwHu7ixuzkSPfKd",
        "tax_ids": [{"type": "eu_vat", "value": either("DE123456789")}],
        "default_source": {
            "last4": "3000",
            "bank_name": "STRIPE TEST BANK",
            "routing_number": either("110000000"),
            "account_holder_name": key("Lucas Grey"),
            "account_holder_type": "individual",
        },
        "sepa_debit": {
            "bank_code": "37040044",
            "country": "DE",
            "last4": "3000",
            "mandate": "mandate_1MZ",
            "iban": iban("DE75512108001245126199"),
        },
    },
    {  # a capture
        "event_type": "PAYMENT.CAPTURE.COMPLETED",
        "resource": {
            "id": "42311647XV020574X",
            "amount": {"currency_code": "USD", "value": "10.99"},
            "custom_id": "d93e4fcb-d3af-137c-82fe-1a8101f1ad11",
            "seller_protection": {
                "status": "ELIGIBLE",
                "dispute_categories": ["ITEM_NOT_RECEIVED"],
            },
            "payer": {
                "name": {"given_name": key("John"), "surname": key("Doe-Smith")},
                "email_address": email("sb-1bnc95604911@personal.example.com"),
                "payer_id": "3RK95WVMS7WXJ",
                "address": {"country_code": either("US")},
                "phone": {"phone_number": {"national_number": phone("4082560980")}},
            },
            "shipping": {
                "name": {"full_name": key("John Doe-Smith")},
                "address": {
                    "address_line_1": key("1 Main St"),
                    "admin_area_2": either("San Jose"),
                    "postal_code": key("95131"),
                    "country_code": either("US"),
                },
            },
        },
        "links": [
            {
                "href": "https://api.paypal.com/v2/payments/captures/42311647XV020574X",
                "rel": "self",
                "method": "GET",
            }
        ],
        "summary": "Payment completed for $ 10.99 USD",
        "event_version": "1.0",
        "resource_version": "2.0",
    },
    {  # an order of a shop
        "id": 450789469,
        "name": "#1001",
        "order_number": 1001,
        "token": token("b1946ac92492d2347c6235b4d2611184"),
        "cart_token": token("68778783ad298f1c80c3bafcddeea02f"),
        "checkout_token": token("bd5a8aa1ecd019dd3520ff791ee3a24c"),
        "gateway": "authorize_net",
        "browser_ip": ip("216.191.105.146"),
        "contact_email": email("bob.norman@mail.example.com"),
        "email": email("bob.norman@mail.example.com"),
        "client_details": {
            "browser_ip": ip("216.191.105.146"),
            "accept_language": "en-US,en;q=0.9",
            "browser_height": 1320,
            "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 Version/17.2 Mobile/15E148 Safari/604.1",
        },
        "customer": {
            "id": 207119551,
            "first_name": key("Bob"),
            "last_name": key("Norman"),
            "email": email("bob.norman@mail.example.com"),
            "phone": phone("+16136120707"),
            "verified_email": True,
            "tags": "loyal",
            "orders_count": 1,
            "default_address": {
                "id": 207119551,
                "name": key("Bob Norman"),
                "address1": key("Chestnut Street 92"),
                "address2": key("Apt 12"),
                "city": either("Louisville"),
                "zip": key("40202"),
                "phone": phone("555-625-1199"),
                "province_code": either("KY"),
                "country_name": either("United States"),
                "default": True,
            },
        },
        "line_items": [
            {
                "id": 669751112,
                "name": "IPod Nano - 8GB",
                "sku": "IPOD-342-N",
                "price": "199.00",
                "vendor": "Apple",
                "quantity": 1,
                "grams": 200,
                "barcode": "1234567890123",
                "properties": [{"name": "Custom Engraving", "value": "Happy Birthday"}],
            }
        ],
        "shipping_lines": [
            {"code": "INT.TP", "title": "Small Packet International Air", "phone": None}
        ],
        "discount_codes": [{"code": "TENOFF", "amount": "10.00"}],
        "note_attributes": [{"name": "colour", "value": "red"}],
        "total_price": "598.94",
        "location": {"name": "Ottawa Shop"},
        "processed_at": "2008-01-10T11:00:00-05:00",
        "admin_graphql_api_id": "gid://shopify/Order/450789469",
    },
    {  # a payout
        "transfer": {
            "reference": "RF18539007547034",
            "account": {
                "holder_name": key("Marie Curie-Dupont"),
                "iban": iban("FR76 3000 6000 0112 3456 7890 189"),
                "bic": "AGRIFRPP",
                "currency": "EUR",
            },
            "amount": 123456,
            "endToEndId": "NOTPROVIDED20261120",
        },
        "note": iban("send to nl20ingb0001234567 please", "nl20ingb0001234567"),
        "instant": True,
        "sort_code": either("20-00-00"),
        "creditor": "GB93ZZZ123456",
        "uetr": "97ed4827-7b6f-4491-a06f-b548d5a7512d",
        "bsb": either("082-902"),
    },
    {  # a form that sends too much
        "cardNumber": card("4000 0566 5566 5556"),
        "cvc": key("314"),
        "expiry": either("12/28"),
        "holder": either("ADA BYRON"),
        "pan": card(5200828282828210),
        "note": card("paid with 6011-0009-9013-9424 today", "9013-9424"),
        "amount": 4200,
        "raw": card("4242%204242%204242%204242", "4242%204242", "4242 4242"),
        "en-dash": card("5555\u20135555\u20135555\u20134444", "5555\u20134444"),
        "authCode": "123456",
        "rrn": "412345678901",
        "stan": 123456,
        "arn": "74537604221222132710572",
        "bin": "424242",
        "mid": "000012345678901",
        "acquirerId": 45678,
    },
]
MAIL: list[Payload] = [
    {
        "event": "processed",
        "email": email("example@test.example.com"),
        "timestamp": 1513299569,
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555.example.net>",
        "sg_event_id": "rbtnWrG1DVDGGGFHFyun0A==",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.000000000000000000000",
        "category": ["cat facts"],
        "ip": ip("168.1.1.24"),
        "useragent": "Mozilla/4.0 (compatible; MSIE 6.1; Windows XP)",
        "url": email(
            "https://www.example.com/unsub?to=example%40test.example.com&utm_campaign=x",
            "example%40test",
            "example@test",
        ),
    },
    {
        "signature": {
            "timestamp": "1529006854",
            "token": token("a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0"),
            "signature": token("d2271d12299f6592d9d44cd9d250f0704e4674c30d79d07c47a66f95ce71cf55"),
        },
        "event-data": {
            "event": "opened",
            "id": "Ase7i2zsRYeDXztHGENqRA",
            "log-level": "info",
            "recipient": email("alice@example.com"),
            "recipient-domain": "example.com",
            "message": {
                "headers": {
                    "message-id": "20130503182626.18666.16540@mail.example.com",
                    "from": email("Bob <bob@mail.example.com>", "bob@mail"),
                    "to": email("Alice <alice@example.com>", "alice@example"),
                    "subject": "Test delivered webhook",
                }
            },
            "geolocation": {"country": "US", "region": "CA", "city": either("San Francisco")},
            "ip": ip("50.56.129.169"),
            "client-info": {
                "client-os": "Linux",
                "device-type": "desktop",
                "client-name": "Chrome",
                "client-type": "browser",
                "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.31 (KHTML, like Gecko) Chrome/26.0.1410.43 Safari/537.31",
            },
            "tags": ["my_tag_1"],
        },
    },
    {
        "RecordType": "Bounce",
        "MessageStream": "outbound",
        "ID": 4323372036854775807,
        "Type": "HardBounce",
        "TypeCode": 1,
        "Name": "Hard bounce",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Description": "The server was unable to deliver your message",
        "Email": email("john@bounce.example.com"),
        "From": email("sender@app.example.com"),
        "BouncedAt": "2019-11-05T16:33:54.9070259Z",
        "Details": email("smtp;550 5.1.1 <arthur@sub.example.co.uk>: user unknown", "arthur@sub"),
        "DumpAvailable": True,
        "CanActivate": True,
    },
    {
        "notificationType": "Complaint",
        "mail": {
            "timestamp": "2018-10-08T14:05:45Z",
            "messageId": "000001378603177f-7a5433e7-8edb-42ae-af10-f0181f34d6ee-000000",
            "source": email("john.d@example.com"),
            "sourceArn": "arn:aws:ses:us-east-1:888888888888:identity/example.com",
            "sourceIp": ip("18.206.3.17"),
            "sendingAccountId": "123456789012",
            "destination": [email("mary.j@example.com"), email("richard.r@example.org")],
            "headers": [
                {"name": "From", "value": email('"John Doe" <john.d@example.com>', "john.d@")},
                {"name": "To", "value": email('"Mary J" <mary.j@example.com>', "mary.j@")},
                {"name": "Message-ID", "value": "custom-message-ID"},
                {"name": "Subject", "value": "Hello"},
                {"name": "Content-Type", "value": 'text/plain; charset="UTF-8"'},
                {"name": "Date", "value": "Mon, 08 Oct 2018 14:05:45 +0000"},
            ],
        },
        "complaint": {
            "complainedRecipients": [{"emailAddress": email("recipient1@x.example.com")}],
            "feedbackId": "000001378603177f-18c07c78-fa81-4a58-9dd1-fedc3cb8f49a-000000",
            "complaintFeedbackType": "abuse",
        },
    },
    {
        "in_reply_to": "<CAOBnbfhgVEr2YQzA+9fK=kYdNQ@mail.gmail.com>",
        "references": ["<1393.3.1393@lists.example.org>", "<5f3c.abc.9d@smtp.example.com>"],
        "messageId": "<aNx7yQ.1.5w@geopod-ismtpd-12>",
        "Message-Id": "<20260102030405.12345-1-a7b@kernel.example.org>",
        "body": email("quoted =66rom eve=40corp.example.com", "eve=40corp", "eve@corp"),
        "html": email(
            '<a href="mailto:eve&#64;corp.example.com">eve</a>', "eve&#64;corp", "eve@corp"
        ),
        "obfuscated": email("write to eve (at) corp (dot) example (dot) com", "eve (at) corp"),
        "List-Id": "<dev.lists.example.org>",
        "DKIM": "v=1; a=rsa-sha256; d=example.com; s=20230601",
        "X-Spam-Score": "-2.1",
    },
    {
        "type": "contact.property_change",
        "cc": [email("a.smith@uni.example.edu")],
        "bcc": email("x@y-z.example.org; y@y-z.example.org", "x@y-z", "y@y-z"),
        "Reply-To": email("support+id-9f3@helpdesk.example.io"),
        "Return-Path": email("<bounces+123-ada=example.com@em.example.com>", "ada=example.com"),
        "sender": {"name": key("Ada Byron"), "address": email("ada.b@post.example.de")},
        "list": {"name": "Weekly news", "id": "a6b5da1054"},
        "merges": {
            "FNAME": key("Ada"),
            "LNAME": key("Byron"),
            "EMAIL": email("ada.b@post.example.de"),
        },
        "ip_opt": ip("10.20.10.30"),
        "campaign": {"name": "Autumn 2026", "subject": "50% off @ our shop"},
    },
]
CRM: list[Payload] = [
    {
        "objectId": 1246965,
        "properties": {
            "firstname": key("Brian"),
            "lastname": key("Halligan"),
            "email": email("bh@hubspot.example.com"),
            "company": "HubSpot",
            "jobtitle": either("CEO"),
            "mobilephone": phone("(555) 867-5309"),
            "phone": phone("617 555 0123"),
            "zip": key("02139"),
            "address": key("25 First Street"),
            "city": either("Cambridge"),
            "hs_object_id": "1246965",
            "createdate": "1512088567189",
            "lifecyclestage": "lead",
            "hs_email_optout": False,
            "num_notes": 3,
            "hs_analytics_first_url": email(
                "https://www.example.com/thanks?email=bh%2540hubspot.example.com",
                "bh%2540",
                "bh@hub",
            ),
            "website": "www.hubspot.example.com",
        },
        "subscriptionType": "contact.creation",
        "portalId": 62515,
    },
    {
        "sobject": {
            "Id": "0035g00000LkdIwAAJ",
            "AccountId": "0015g00000XyZabAAF",
            "FirstName": key("Rose"),
            "LastName": key("Gonzalez"),
            "Name": key("Rose Gonzalez"),
            "Email": email("rose@edge.example.com"),
            "MobilePhone": phone("(512) 757-9340"),
            "HomePhone": phone("512-757-6000"),
            "MailingStreet": key("313 Constitution Place"),
            "MailingPostalCode": key("78767"),
            "MailingCity": either("Austin"),
            "Birthdate": key("1967-11-03"),
            "Title": either("SVP, Procurement"),
            "LeadSource": "Trade Show",
            "OwnerId": "0055g00000A1b2cAAB",
            "SystemModstamp": "2026-09-01T07:00:00.000+0000",
        },
        "account": {
            "Name": "EdgeMiddleware Communications",
            "Industry": "Electronics",
            "NumberOfEmployees": 1000,
        },
        "opportunity": {
            "Name": "EdgeMiddleware Emergency Generator",
            "StageName": "Closed Won",
            "Amount": 75000.0,
        },
    },
    {
        "current": {
            "id": 27,
            "title": "Big deal",
            "person_id": {
                "name": key("Will Smithers"),
                "email": [
                    {"value": email("will.smithers@example.com"), "primary": True, "label": "work"}
                ],
                "phone": [{"value": phone("218-348-8528"), "primary": True, "label": "mobile"}],
                "value": 72,
            },
            "org_id": {
                "name": "Dunder Mifflin",
                "people_count": 1,
                "cc_email": email("company@pipedrivemail.example.com"),
            },
            "stage_id": 2,
            "value": 5000,
            "currency": "EUR",
            "pipeline": {"name": "Default"},
        }
    },
    {
        "type": "notification_event",
        "topic": "contact.created",
        "data": {
            "item": {
                "type": "contact",
                "id": "64d0f1e7a2",
                "external_id": "eb0c3d1b",
                "role": "user",
                "email": email("joe@acme.example.com"),
                "name": key("Joe Example"),
                "phone": phone("+353871234567"),
                "avatar": None,
                "last_seen_at": 1571672154,
                "browser_language": "en",
                "os": "Mac OS X 10.14.6",
                "location": {
                    "type": "location",
                    "country": either("Ireland"),
                    "city": either("Dublin"),
                },
                "ios_app_version": "1.2.3.45",
                "custom_attributes": {
                    "paid_subscriber": True,
                    "monthly_spend": 155.5,
                    "team_mates": 9,
                    "plan_name": "Enterprise",
                },
                "tags": {"data": [{"type": "tag", "name": "vip"}]},
                "companies": {"data": [{"name": "Acme", "id": "5f"}]},
            }
        },
    },
    {
        "userId": "97980cfea0067",
        "traits": {
            "name": key("Peter Gibbons"),
            "email": email("peter@initech.example.com"),
            "plan": "premium",
            "logins": 5,
            "birthday": key("1979-02-19"),
            "username": key("pgibbons"),
            "gender": either("male"),
            "address": {
                "street": key("6th St 12"),
                "city": either("San Francisco"),
                "postalCode": key("94103"),
            },
            "company": {
                "name": "Initech",
                "id": "123",
                "industry": "Technology",
                "employee_count": 100,
            },
        },
        "context": {
            "ip": ip("8.8.4.4"),
            "library": {"name": "analytics.js", "version": "2.11.1"},
            "campaign": {"name": "TPS Innovation Newsletter", "source": "Newsletter"},
            "app": {"name": "InitechGlobal", "version": "545", "build": "3.0.1.545"},
            "device": {
                "id": "B5372DB0-C21E-11E4-8DFC-AA07A5B093DB",
                "manufacturer": "Apple",
                "model": "iPhone7,2",
                "name": either("maguro"),
                "type": "ios",
            },
            "network": {"bluetooth": False, "carrier": "T-Mobile US", "cellular": True},
            "os": {"name": "iPhone OS", "version": "8.1.3"},
            "screen": {"density": 2},
            "page": {
                "path": "/academy/",
                "referrer": "https://www.google.com/",
                "search": "",
                "url": "https://segment.com/academy/#intro",
            },
            "timezone": "Europe/Amsterdam",
        },
    },
    {
        "lead": {
            "full_name": key("Katherine Johnson"),
            "work_email": email("kj@nasa.example.gov"),
            "personal_email": email("kath.johnson1918@mail.example.com"),
            "contactPhone": phone("757 555 0164"),
            "company_name": "NASA Langley",
            "companySize": "501-1000",
            "campaign_name": "Moonshot",
            "adset_name": "Lookalike 1%",
            "form_name": "Contact us",
            "utm_source": "newsletter",
            "score": 87.5,
            "dateOfBirth": key("26/08/1918"),
            "passportNumber": key("C01X00T47"),
            "ssn": key("078-05-1121"),
            "nationalId": key("850623-1234"),
            "taxpayer_id": key("12-3456789"),
            "drivers_license": key("D1234567"),
        }
    },
]
DESKS: list[Payload] = [
    {
        "ticket": {
            "id": 35436,
            "external_id": "ahg35h3jh",
            "subject": "Help, my printer is on fire!",
            "raw_subject": "{{dc.printer}}",
            "description": phone(
                "Call me on 0044 20 7946 0777 after five", "0044 20 7946 0777", "7946 0777"
            ),
            "status": "open",
            "priority": "high",
            "via": {
                "channel": "email",
                "source": {
                    "from": {
                        "name": key("Roger Wilco"),
                        "address": email("roger@wilco.example.com"),
                    },
                    "to": {"name": key("Help Desk"), "address": email("support@acme.example.com")},
                },
            },
            "requester": {
                "id": 20978392,
                "name": key("Roger Wilco"),
                "email": email("roger@wilco.example.com"),
                "locale": "en",
            },
            "group": {"name": "Support L2"},
            "brand": {"name": "ACME"},
            "satisfaction_rating": {"score": "good"},
            "custom_fields": [{"id": 27642, "value": "745"}, {"id": 27648, "value": "yes"}],
            "tags": ["enterprise", "other_tag"],
            "due_at": None,
        }
    },
    {
        "webhookEvent": "jira:issue_updated",
        "timestamp": 1525698237764,
        "issue": {
            "id": "99291",
            "key": "JRA-20002",
            "self": "https://your-domain.example.net/rest/api/2/issue/99291",
            "fields": {
                "summary": "I feel the need for speed",
                "issuetype": {"name": "Bug", "id": "10004", "subtask": False},
                "priority": {"name": "Highest", "id": "1"},
                "status": {"name": "In Progress"},
                "resolution": {"name": "Won't Do"},
                "project": {"key": "JRA", "name": "Jira Software"},
                "components": [{"name": "Boards"}],
                "fixVersions": [{"name": "8.20.13.1"}],
                "labels": ["UI", "dialogue"],
                "assignee": {
                    "accountId": "99:27935d01-92a7-4687-8272-a9b8d3b2ae2e",
                    "emailAddress": email("mia@krystof.example.com"),
                    "displayName": key("Mia Krystof"),
                    "timeZone": "Australia/Sydney",
                    "active": True,
                },
                "reporter": {
                    "displayName": key("Bryan Rollins"),
                    "emailAddress": email("bryansemail@atlassian.example.com"),
                    "name": key("brollins"),
                },
            },
        },
        "changelog": {
            "items": [
                {"field": "summary", "fieldtype": "jira", "fromString": "old", "toString": "new"}
            ]
        },
    },
    {
        "token": token("Jhj5dZrVaK7ZwHHjRyZWjbDl"),
        "team_id": "T061EG9R6",
        "api_app_id": "A0MDYCDME",
        "event": {
            "type": "message",
            "channel": "C024BE91L",
            "user": "U0G9QFPDX",
            "text": email(
                "<mailto:sam@acme.example.com|sam@acme.example.com> said <@U0G9QFPDX> is out",
                "sam@acme",
            ),
            "ts": "1355517523.000005",
            "event_ts": "1355517523.000005",
            "channel_type": "channel",
        },
        "event_id": "Ev0MDYHUEL",
        "event_time": 1355517523,
        "authed_users": ["U0LAN0Z89"],
        "response_url": either("https://hooks.slack.com/commands/T061EG9R6/1234/5678"),
        "hook": token(
            "https://hooks.slack.com/services/"
            + "T00000000/B00000000/"
            + "XXXXaaaaBBBBccccDDDDeeee",
            "XXXXaaaaBBBB",
        ),
        "channel": {"name": "general", "id": "C024BE91L"},
        "team": {"name": "Blue", "domain": "blue"},
    },
    {
        "event": "invitee.created",
        "payload": {
            "email": email("test.invitee@example.com"),
            "first_name": key("Test"),
            "last_name": key("Invitee"),
            "name": key("Test Invitee"),
            "text_reminder_number": phone("+1 404-555-1234"),
            "timezone": "America/New_York",
            "scheduled_event": {
                "name": "30 Minute Meeting",
                "location": {"type": "physical", "location": either("Room 3")},
                "start_time": "2019-08-24T14:15:22.123456Z",
                "event_memberships": [
                    {
                        "user": "https://api.calendly.example/users/GBGBDCAADAEDCRZ2",
                        "user_email": email("host@example.org"),
                        "user_name": key("Hosty McHost"),
                    }
                ],
            },
            "questions_and_answers": [
                {
                    "question": "Your e-mail again?",
                    "answer": email("test.invitee@\u00adexample.com", "test.invitee"),
                }
            ],
            "tracking": {"utm_campaign": None, "salesforce_uuid": None},
            "uri": "https://api.calendly.example/scheduled_events/AAAAAAAAAAAAAAAA/invitees/AAAAAAAAAAAAAAAA",
        },
    },
    {
        "kind": "calendar#event",
        "etag": '"3181161784712000"',
        "id": "4eahs9ghkhrvkld72hogu9ph3e6_20200519T140000Z",
        "status": "confirmed",
        "summary": "Sync Ada / Bob",
        "iCalUID": "4eahs9ghkhrvkld72hogu9ph3e6@google.com",
        "sequence": 0,
        "organizer": {
            "email": email("ada.l@example.com"),
            "displayName": key("Ada L"),
            "self": True,
        },
        "attendees": [
            {
                "email": email("bob.b@example.com"),
                "displayName": key("Bob B"),
                "responseStatus": "needsAction",
            },
            {
                "email": email("c_188aa3g0i8kfi6n@resource.calendar.example.com"),
                "resource": True,
                "displayName": either("Room A"),
            },
        ],
        "conferenceData": {
            "conferenceSolution": {"name": "Google Meet"},
            "entryPoints": [
                {
                    "entryPointType": "phone",
                    "uri": phone("tel:+1-413-350-8844", "413-350-8844"),
                    "pin": either("412936471"),
                }
            ],
            "conferenceId": "aaa-bbbb-ccc",
        },
        "start": {"dateTime": "2026-11-20T10:00:00+01:00", "timeZone": "Europe/Berlin"},
    },
    {
        "event": "meeting.participant_joined",
        "payload": {
            "account_id": "AAAAAABBBB",
            "object": {
                "id": "1234567890",
                "uuid": "4444AAAiAAAAAiAiAiiAii==",
                "host_id": "x1yCzABCDEfg23HiJKl4mN",
                "topic": "My Meeting",
                "type": 8,
                "start_time": "2021-07-13T21:44:51Z",
                "participant": {
                    "user_id": "1234567890",
                    "user_name": key("Jill Chill"),
                    "email": email("jchill@example.com"),
                    "public_ip": ip("192.0.2.11"),
                    "join_time": "2021-07-13T21:44:51Z",
                    "registrant_id": "abcdefghij0-klmnopq23456",
                },
            },
        },
        "event_ts": 1626230691572,
        "download_token": token("abJhbGciOiJIUzUxMiJ9xx.AAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBBBBBBB"),
    },
    {
        "form_response": {
            "form_id": "lT4Z3j",
            "token": token("a3a12ec67a1365927098a606107fac15"),
            "definition": {
                "title": "Webhooks example",
                "fields": [
                    {"id": "DlXFaesGBpoF", "title": "What's your email?", "type": "email"},
                    {"id": "SMEUb7VJz92Q", "title": "Phone?", "type": "phone_number"},
                ],
            },
            "answers": [
                {
                    "type": "email",
                    "email": email("laura@example.com"),
                    "field": {"id": "SMEUb7VJz92Q", "type": "email"},
                },
                {"type": "phone_number", "phone_number": phone("+34916202021")},
                {"type": "text", "text": "It's cold right now!"},
                {"type": "number", "number": 5},
                {"type": "date", "date": "2005-10-15"},
                {"type": "choice", "choice": {"label": "London"}},
                {"type": "url", "url": "https://example.com/@laura"},
            ],
            "hidden": {"user_id": "abc123456"},
        }
    },
    {
        "MessageSid": "SM9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d",
        "AccountSid": "AC0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "From": phone("+14158675310"),
        "To": phone("+442071838750"),
        "Body": "YES",
        "NumMedia": "0",
        "FromCity": either("SAN RAFAEL"),
        "FromZip": key("94903"),
        "FromState": either("CA"),
        "FromCountry": "US",
        "ApiVersion": "2010-04-01",
        "WaId": phone("14158675310"),
        "ProfileName": key("Grace H"),
        "SmsStatus": "received",
        "NumSegments": "1",
        "Caller": phone("whatsapp:+14158675310", "4158675310"),
    },
]
TRACES: list[Payload] = [
    {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "parentSpanId": "eee19b7ec3c1b173",
        "name": "GET /users/{id}",
        "kind": 2,
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": "1544712661000000000",
        "attributes": [
            {"key": "http.method", "value": {"stringValue": "GET"}},
            {"key": "client.address", "value": {"stringValue": ip("198.51.100.201")}},
            {"key": "enduser.id", "value": {"stringValue": email("ada@traces.example.com")}},
            {
                "key": "url.full",
                "value": {
                    "stringValue": token(
                        "https://api.example.com/v1/me?access_token=9d8c7b6a5f4e&lang=en",
                        "9d8c7b6a5f4e",
                    )
                },
            },
            {"key": "http.status_code", "value": {"intValue": "200"}},
            {"key": "server.address", "value": {"stringValue": "api.example.com"}},
            {"key": "net.host.port", "value": {"intValue": "8080"}},
        ],
        "status": {"code": 1},
    },
    {
        "resource": {
            "service.name": "checkout",
            "service.version": "2.10.0.7",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": "1.21.0",
            "host.name": "ip-10-0-1-17",
            "host.ip": ip("10.0.1.17"),
            "os.version": "10.0.19045.3693",
            "process.command_line": token(
                "psql postgresql://report:s3cr3tPass@10.0.3.4/warehouse -c 'select 1'", "s3cr3tPass"
            ),
            "k8s.pod.name": "checkout-5d8f9c6b7-x2x9z",
            "container.image.name": "shop/checkout",
        },
        "span": {
            "db.system": "postgresql",
            "db.statement": "SELECT * FROM orders WHERE id = $1",
            "db.connection_string": token("Server=db;User Id=app;Password=Hunter!23;", "Hunter!23"),
            "db.user": either("app"),
            "net.peer.ip": ip("10.4.20.81"),
            "net.peer.name": "db.internal",
            "http.url": token("https://svc:passw0rd@gateway.internal/v2/items", "passw0rd"),
            "http.request.header.authorization": [token("Basic " + "YWRhOmh1bnRlcjI=")],
            "http.request.header.x-api-key": [token("9f8e7d6c-5b4a-3f2e-1d0c-b9a887766554")],
            "http.response_content_length": 5120,
            "user.email": email("u42@corp.example.io"),
            "user.name": key("Ulla Corp"),
            "thread.name": "http-nio-8080-exec-1",
            "messaging.message.id": "452a7c7c7c7048c2f887f61572b18fc2@broker.example.net",
            "rpc.service": "myservice.EchoService",
            "code.function": "do_login",
        },
    },
    {
        "user": {
            "id": "1",
            "email": email("jane@sentry.example.com"),
            "ip_address": ip("2001:db8::7:42"),
            "username": key("jane.doe"),
            "segment": "beta",
        },
        "request": {
            "url": token("https://example.com/reset?token=f00dfeed42&step=2", "f00dfeed42"),
            "method": "POST",
            "headers": {
                "User-Agent": "curl/7.68.0",
                "Cookie": token("sessionid=38afes7a8; csrftoken=9ee"),
                "Authorization": token("Bearer " + "abc.def-ghi"),
                "X-Forwarded-For": ip("203.0.113.195, 70.41.3.18"),
                "Accept": "*/*",
                "Referer": "https://example.com/login",
                "X-Request-Id": "f058ebd6-02f7-4d3f-942e-904344e8cde5",
                "X-CSRF-Token": token("i8XNjC4b8KVok4uw5RftR38Wgp2BFwql"),
            },
            "env": {
                "REMOTE_ADDR": ip("203.0.113.195"),
                "SERVER_NAME": "web-3",
                "SERVER_PORT": "443",
            },
            "query_string": token("password=letmein&next=%2Fhome", "letmein"),
            "data": {"username": key("jane.doe"), "passwd": key("letmein"), "remember": True},
        },
        "contexts": {
            "os": {"name": "Windows", "version": "10.0.22631"},
            "browser": {"name": "Chrome", "version": "120.0.6099.217"},
            "runtime": {"name": "CPython", "version": "3.11.6"},
            "device": {"model": "Pixel 8", "family": "Pixel", "arch": "arm64-v8a"},
            "gpu": {"name": "NVIDIA GeForce", "driver_version": "546.33.0.0"},
            "trace": {
                "trace_id": "a0fa8803753e40fd8124b21eeb2986b5",
                "span_id": "8c931f4740435fb8",
                "op": "navigation",
            },
        },
        "exception": {
            "type": "ValueError",
            "value": email("no user frank.d@sentry.example.com", "frank.d@"),
            "stacktrace": [
                {
                    "function": "handle",
                    "filename": "app/views.py",
                    "lineno": 42,
                    "module": "app.views",
                }
            ],
        },
        "release": "backend@2.3.0.12",
        "environment": "production",
        "sdk": {
            "name": "sentry.python",
            "version": "1.39.1",
            "packages": [{"name": "pypi:sentry-sdk", "version": "1.39.1"}],
        },
        "breadcrumbs": [
            {"category": "query", "message": "SELECT 1", "timestamp": "2026-11-20T12:00:00.123Z"}
        ],
    },
    {
        "level": "error",
        "logger": "django.request",
        "msg": ip(
            "Invalid HTTP_HOST header from 185.220.101.34: '[::ffff:185.220.101.34]'",
            "185.220.101.34",
        ),
        "pid": 4242,
        "remote_ip": ip("2a02:2f0b:8200:1234:5678:9abc:def0:1"),
        "time": "2026-11-20T12:00:00.123456789Z",
        "nginx": ip(
            '93.180.71.3 - - [17/May/2015:08:05:32 +0000] "GET /downloads/product_1 HTTP/1.1" 304 0 "-" "Debian APT-HTTP/1.3 (0.8.16~exp12ubuntu10.21)"',
            "93.180.71.3",
        ),
        "upstream": "unix:/run/app.sock",
        "id": "6F9619FF-8B86-D011-B42D-00CF4FC964FF",
        "mac": "3C:22:FB:0A:1B:2C",
        "oid": "1.3.6.1.4.1.311.2.1.14",
        "mod": "::1",
        "perf": {"p50": 1.25, "p99": 10.5},
        "listen": "0.0.0.0:443",
        "asn": "AS13335",
        "cidr": either("10.0.0.0/8"),
    },
    {
        "cognito": {
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "email_verified": True,
            "email": email("saanvi@amazon.example.com"),
            "phone_number": phone("+16505551212"),
            "phone_number_verified": False,
            "given_name": key("Saanvi"),
            "family_name": key("Sarkar"),
            "preferred_username": key("saanvi.s"),
            "birthdate": key("1990-05-09"),
            "address": {"formatted": key("12 Hill Rd\nPune")},
            "client_id": "1example23456789",
            "token_use": "id",
            "auth_time": 1500009400,
            "id_token": token("eyJhbGciOiJSUzI1NiJ9." + "eyJzdWIiOiJhYWEifQ." + "c2lnbmF0dXJlc2ln"),
            "iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_example",
        },
        "auth0": {
            "type": "s",
            "client_name": "My SPA",
            "connection": "Username-Password-Authentication",
            "user_name": key("max@auth.example.com"),
            "ip": ip("190.25.209.19"),
            "strategy": "auth0",
            "log_id": "90020211103032530111223343147286033102509916061341581378",
        },
        "oauth": {
            "code": token("SplxlOBeZQQYbYS6WxSbIA"),
            "code_verifier": token("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "grant_type": "authorization_code",
            "state": either("af0ifjsldkj"),
            "redirect_uri": "https://client.example.org/cb",
            "refreshToken": token("8xLOxBtZp8"),
            "token_type": "bearer",
            "expires_in": 3600,
            "scope": "openid email",
        },
    },
]
BROWSERS: list[Payload] = [
    {
        "page": {
            "url": email(
                "https://shop.example.com/account?user=lena%40web.example.de&tab=orders",
                "lena%40web",
                "lena@web",
            ),
            "path": "/account",
            "title": "Your orders",
            "referrer": "https://www.google.com/search?q=shoes+%26+socks",
            "hash": token(
                "#access_token=ya29.a0AfH6SMBx&token_type=Bearer&expires_in=3599", "a0AfH6SMBx"
            ),
        },
        "viewport": "1440x900@2",
        "dpr": 2.625,
        "language": "de-DE",
        "languages": ["de", "en-US"],
        "timezone_offset": -60,
        "connection": {"effectiveType": "4g", "rtt": 50, "downlink": 10.0, "saveData": False},
        "media": "@media (min-width: 600px) and (max-width: 1200px)",
        "images": ["hero@2x.webp", "logo@3x.png", "/static/img/avatar_1@1.5x.jpg"],
        "font": "Inter@4.0.woff2",
        "cdn": [
            "https://cdn.example.net/npm/vue@3.4.15/dist/vue.global.js",
            "https://unpkg.example.com/@popperjs/core@2.11.8",
        ],
        "screen": {
            "width": 2560,
            "height": 1440,
            "orientation": {"type": "landscape-primary", "angle": 0},
        },
        "memory": 8,
        "vendor": "Google Inc.",
        "webgl": "ANGLE (Apple, Apple M1, OpenGL 4.1)",
        "ga": "GA1.2.1033501218.1368477899",
        "fbp": "fb.1.1554763741205.1098115397",
    },
    {
        "counts": {"mobile": 120, "desktop": 300, "email": 12, "phone": 3, "address": 0},
        "channels": {"email": True, "phone": False, "mobile": "enabled"},
        "email": {
            "id": "m-7",
            "folder": "inbox",
            "is_read": False,
            "size": 20480,
            "labels": ["work"],
            "priority": "high",
        },
        "phone": "iPhone 15 Pro",
        "device": {"mobile": "Galaxy S23", "name": "SM-S911B"},
        "token": 512,
        "tokens": {"input": 100, "output": 20},
        "address": {"type": "billing", "is_default": True, "id": 42},
        "name": "Quarterly report",
        "list_name": "Backlog",
        "template": {"name": "welcome-v2", "email": True},
        "ip": 4,
        "password": {"length": 12, "strength": "strong", "has_symbol": True},
        "secret": False,
        "cookie": {"consent": "accepted", "necessary": True},
        "username": None,
        "street_view": "on",
        "cardinality": 16,
        "emailType": "marketing",
        "phone_type": "android",
        "iban_valid": True,
        "authorization": {"status": "granted"},
        "mobile": "web",
        "street": {"count": 3},
        "code": 404,
        "key": "Enter",
        "signature": "method(arg0, arg1)",
    },
    {
        "search": email("?q=julia.s%2Btest%40mail.example.at&page=2", "julia.s%2B", "julia.s+test"),
        "link": phone("tel:%2B4930901820", "4930901820"),
        "whatsapp": phone("https://wa.example.me/?phone=%2B4915123456789&text=hi", "4915123456789"),
        "mailto": email("mailto:%6a%6f@%65%78ample.com", "%6a%6f@", "jo@example"),
        "share": email(
            "https://twitter.example.com/intent?text=ask%20me%20at%20li%40chat.example.cn",
            "li%40chat",
            "li@chat",
        ),
        "magic": token(
            "https://app.example.com/login/callback?code=4%2F0AX4XfWh&state=xyz", "0AX4XfWh"
        ),
        "invite": token(
            "https://app.example.com/join?invite=7&signature=d41d8cd98f00b204", "d41d8cd98f00b204"
        ),
        "s3": token(
            "https://bucket.s3.example.com/a.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
            + "AKIA"
            + "IOSFODNN7EXAMPLE%2F20130524&X-Amz-Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe",
            "IOSFODNN7EXAMPLE",
            "fe5f80f77d5f",
        ),
        "sas": token(
            "https://acct.blob.example.net/c/b.txt?sv=2022-11-02&sig=Z%2FRHIX5Xcg0Mq2rqI3OlWTjEg2tYkboXr1P9ZUXDtkk%3D",
            "RHIX5Xcg0",
        ),
        "ftp": token("ftp://joe:blow99@ftp.example.com/pub", "blow99"),
        "redis": token("redis://:p4ssw0rd@cache:6379/0", "p4ssw0rd"),
        "amqp": token("amqps://guest:gu3st@rabbit.example.com/vhost", "gu3st"),
        "git": "git+ssh://git@github.com/org/repo.git#v1.0.27",
        "pip": "requests @ https://github.com/psf/requests/archive/refs/tags/v2.31.0.zip",
        "tweet": "https://twitter.example.com/@jack/status/20",
        "maps": "https://www.google.com/maps/@52.5163,13.3777,17z",
        "flickr": "https://farm.example.com/photos/12345678@N00/",
        "utm": "?utm_source=a&utm_medium=email&utm_code=x1",
        "pct": "100%25+off+%40home",
        "enc": "%7B%22a%22%3A1%7D",
        "ids": "/orders/4539578763621486",
        "sid": "/t/1234567890123456/x",
        "range": "?from=2026-01-01&to=2026-11-20&count=10",
        "sort": "?key=name&code=DE&state=open&page=3",
    },
    {
        "text": "Meet me @ 5.30 in the pub.io",
        "css": "a[href$='@2x.png']{width:10px}",
        "note": email("Bitte an p\u200bia@firma.example.de", "ia@firma"),
        "wide": email(
            "\uff42\uff4f\uff42\uff20\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.com", "\uff20"
        ),
        "soft": ip("192%2E168%2E7%2E41", "192%2E168", "192.168"),
        "ip6": ip("2001%3Adb8%3A0%3A1%3A%3A42%3A17", "2001%3Adb8", "2001:db8"),
        "widephone": phone(
            "\uff0b\uff11 \uff14\uff11\uff15-\uff15\uff15\uff15-\uff12\uff16\uff17\uff11",
            "\uff12\uff16\uff17\uff11",
        ),
        "json": email('{"to":"nested@json.example.com","n":1}', "nested@json"),
        "escaped": token('{\\"password\\":\\"hunter3\\"}', "hunter3"),
        "quoted": email('"Ada L"@example.com', "Ada L", "example.com"),
        "dot": email("sam [at] web [dot] example [dot] org", "sam [at] web"),
        "pgp": token(
            "-----BEGIN OPENSSH "
            + "PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----",
            "b3BlbnNz",
        ),
        "cert": "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ\n-----END CERTIFICATE-----",
        "sms": phone("sms: 0049 170 7654321", "7654321"),
        "host": "user@laptop",
        "ssh": either("ada@10.0.0.8"),
        "entity": "AT&amp;T &#38; co &#x27;x&#x27;",
        "formula": "=SUM(A1:B2)@10%",
        "handle": "follow @ada and @bob",
        "qp": "Ma=C3=9Fe =3D 5",
        "isrc": "US-S1Z-99-00001",
        "ean": "4006381333931",
        "gtin": "04012345678901",
        "upc": "036000291452",
        "imei": either("490154203237518"),
        "vin": "1HGBH41JXMN109186",
        "swift": "DEUTDEFF500",
        "flight": "AA 1234 12NOV",
        "epoch": "1700000000000000",
        "snowflake": "1175870834943180860",
        "nanos": 1700000000000000000,
        "big": 9007199254740993,
        "duns": "15-048-3782",
        "phone_score": 4,
        "matrix": "3.1.4.1",
        "case": "2:21-cv-01234",
        "bibtex": "knuth1984@article",
    },
]
ALL = [*CODE_HOSTS, *PAYMENTS, *MAIL, *CRM, *DESKS, *TRACES, *BROWSERS]
