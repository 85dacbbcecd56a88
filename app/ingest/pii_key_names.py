"""The names of keys that promise personal data, as they are compared: in words, joined.

`first_name`, `firstName` and `FIRSTNAME` are all `firstname`.
"""

from enum import Enum, auto


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


class Promise(Enum):
    """The kind of value that a key promises."""

    EMAIL = auto()
    PHONE = auto()
    NAME = auto()
    WEAK_NAME = auto()
    ADDRESS = auto()
    STREET = auto()
    ZIP = auto()
    BIRTH = auto()
    NUMBER = auto()  # that an authority gave to a person
    CARD = auto()
    IBAN = auto()
    IP = auto()
    SECRET = auto()
    TOKEN = auto()  # a secret, by a key that also names harmless things
    SECRET_PART = auto()  # something about a secret, or the secret
    ANY = auto()  # a key of the operator's own


_P = Promise
# The keys of the setting, by what they promise; as they are joined: `first_name` is `firstname`.
PROMISES: dict[str, Promise] = {
    name: promise
    for promise, names in {
        _P.EMAIL: "email useremail emailaddress",
        _P.PHONE: "phone phonenumber mobile",
        _P.NAME: "firstname lastname middlename fullname username",
        _P.WEAK_NAME: "name displayname",
        _P.ADDRESS: "address",
        _P.STREET: "street streetaddress",
        _P.ZIP: "postalcode zipcode",
        _P.BIRTH: "dateofbirth birthday dob",
        _P.NUMBER: "ssn passport taxid nationalid driverslicense cvv",
        _P.CARD: "cardnumber creditcard",
        _P.IBAN: "iban",
        _P.IP: "ip ipaddress",
        _P.SECRET: "password passwd secret accesstoken refreshtoken apikey privatekey",
        _P.TOKEN: "token authorization cookie",
    }.items()
    for name in names.split()
}
SAME: dict[str, str] = {
    name: base
    for base, names in {
        "email": "mail emailid emails mailaddress",
        "phone": "phoneno mobileno telno contactno tel telephone cell cellphone cellnumber fax "
        "faxnumber msisdn mobilephone "
        "mobilenumber telnumber telephonenumber contactnumber nationalnumber whatsapp waid "
        "whatsappnumber handynummer telefon telefono tlf gsm mob",
        "firstname": "givenname forename fname vorname prenom nombre",
        "lastname": "surname familyname lname maidenname nachname secondname apellido apellidos",
        "fullname": "realname realnamenormalized legalname birthname fromname toname",
        "username": "screenname loginname userlogin",
        "street": "addressline addresslines strasse calle streetname",
        "postalcode": "postcode postal plz",
        "zipcode": "zip",
        "dateofbirth": "birthdate birthdt dobirth geburtsdatum",
        "ssn": "socialsecurity socialsecuritynumber socialsecurityno nino aadhaar aadhar cpf "
        "personalnumber personnummer insurancenumber nhsnumber",
        "passport": "passportnumber passportno passportid",
        "taxid": "taxnumber taxno taxpayerid tin itin steuerid steuernummer nif vatid",
        "nationalid": "nationalidnumber nationalidentitynumber identitynumber idcard idcardnumber "
        "idnumber dni nie curp",
        "driverslicense": "driverlicense driverlicence driverslicence drivinglicence "
        "drivinglicense driverlicensenumber driverslicensenumber driverlicencenumber "
        "drivinglicencenumber licenseno",
        "address": "addr",
        "cvv": "cvc cvn securitycode",
        "cardnumber": "ccnumber creditcardnumber debitcard debitcardnumber pan cardno ccnum",
        "iban": "ibannumber accountiban bankaccount",
        "ipaddress": "ipaddr remoteaddr remoteaddress",
        "password": "pwd passphrase passcode pw kennwort passwort contrasena",
    }.items()
    for name in names.split()
}  # fmt: skip
# Secrets are looked for whatever the setting says.
SECRETS: dict[str, Promise] = {
    name: promise
    for promise, names in {
        _P.SECRET: "password passwd pwd passphrase passcode userpass secret secretkey "
        "secretaccesskey privatekey signingkey encryptionkey apikey apitoken authkey "
        "apisecret "
        "accesstoken refreshtoken idtoken authtoken sessiontoken bearertoken csrftoken xsrftoken "
        "clientsecret bearer sshkey jsessionid phpsessid sessid connectionstring "
        "sharedaccesskey accountkey codeverifier webhooksecret mfasecret recoverycode",
        _P.TOKEN: "token authorization cookie setcookie signature accesskey pass otp totp "
        "credential",
    }.items()
    for name in names.split()
}
# And in the parameters of a URL.
PARAMETERS = dict.fromkeys(
    word_set(
        "code key sig hmac auth sid sessionid session ticket assertion otp pin awsaccesskeyid "
        "xamzcredential xgoogcredential credential samlresponse jwt"
    ),
    Promise.TOKEN,
)
PERSON = word_set(
    "user customer contact person employee patient student guest holder cardholder accountholder "
    "author sender recipient buyer payer payee beneficiary subscriber invitee attendee participant "
    "applicant candidate driver passenger assignee reporter requester member committer pusher lead "
    "signer spouse husband wife child mother father parent guardian profile enduser people billing "
    "shipping"
)
# Whose object a bare `name` is a person's, and whose it isn't, whatever stands beside it.
PERSONS_OBJECT = PERSON - {"profile", "parent", "billing", "shipping", "child", "holder"} | {
    "traits", "organizer", "creator", "billingdetails", "cc", "bcc",
}  # fmt: skip
DELIVERED = word_set("billing shipping")
PERSON_TYPES = word_set("user person customer contact employee member human individual")
THING = word_set(
    "company organization organisation org repository repo project product plan team brand store "
    "shop merchant bank venue office branch list campaign app application library package label "
    "tag template site website location container image service host group channel workspace "
    "school hospital hotel restaurant business department device browser os runtime sdk cluster "
    "namespace workflow job step pipeline"
)
OF_A_PLACE = word_set(
    "home street postal mailing mail billing shipping delivery residential work office customer "
    "user contact permanent current private formatted"
)
PASSWORDS = word_set("password passwd pwd passphrase")
# A password's key with one of these is a password's still.
AGAIN = word_set(
    "confirmation confirm confirmed again repeat repeated retype verify verification hash hashed "
    "digest salt encrypted encoded base old new current previous"
)
# What else is said of a secret, beside NO_PART.
ABOUT_SECRET = word_set(
    "url uri link endpoint page path route email policy rule rules manager field input form reset "
    "resets changed attempts attempt failures error errors message name label min max required "
    "enabled prefix last method mode domain age days grant issuer audience in on is has needs "
    "forgot rotation"
)
# Before `token`, these make it no secret; before `code`, `number` and the like, anything does.
NO_SECRET = word_set("page next prev previous sync continuation design max min num total")
SUFFIXES = frozenset(Promise) - {
    Promise.WEAK_NAME,
    Promise.ADDRESS,
    Promise.ANY,
    Promise.SECRET_PART,
}
ENDS = ("email", "emailaddress", "password", "passwd", "phonenumber", "firstname", "lastname")
WORDS_MAX = 3  # of a base key
PLURAL = frozenset({Promise.EMAIL, Promise.PHONE, Promise.SECRET, Promise.TOKEN, Promise.ADDRESS})

# Keys of an object below such a key whose values are still what it promised.
NEUTRAL = word_set(
    "value values text raw plain current new old default primary secondary home work main other "
    "number full first last middle given family formatted data line lines stringvalue string "
    "items list mobile cell"
)
NO_PART = word_set(
    "id ids uid type kind status state city country province region county label count total size "
    "length strength version provider format algorithm scope locale language code at verified "
    "priority folder folders category level timestamp time date created updated expires"
)
SIGNS = frozenset(
    {
        Promise.EMAIL,
        Promise.PHONE,
        Promise.NAME,
        Promise.BIRTH,
        Promise.NUMBER,
        Promise.SECRET,
    }
)
COUNTED_BESIDE = word_set("desktop tablet web email sms push other total landline")
