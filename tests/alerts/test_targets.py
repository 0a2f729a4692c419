"""Targets are what the settings say; wrong ones are told by name, without what is secret."""

from pathlib import Path

import pytest

from alerts.mqtt.address import Address, parse_address
from alerts.settings import AlertsSettings
from bus.errors import BadSettings
from bus.settings import read

FILE = """
base_url = "https://cam.example/"
[targets]
phone = "ntfy://localhost/door"
[targets.hook]
url = "https://me:pw@h.example/x?token=t"
secret = "s3cret"
events = ["fired", "updated"]
snapshot = "none"
[rules.parcel]
question = "Is there a parcel?"
cameras = ["gate"]
"""


def written(folder: Path, text: str) -> AlertsSettings:
    file = folder / "lookout.toml"
    file.write_text(text)
    return read(AlertsSettings, {"LOOKOUT_SETTINGS": str(file)})


def test_targets_are_written_as_name_and_url() -> None:
    text = "phone=ntfy://localhost/door hook=https://h/x?a=1 home=mqtt://u:p@broker"
    phone, hook, home = read(AlertsSettings, {"LOOKOUT_TARGETS": text}).target_list()
    assert [one.kind for one in (phone, hook, home)] == ["notify", "webhook", "mqtt"]
    assert [one.snapshot for one in (phone, hook, home)] == ["attach", "link", "attach"]
    assert (hook.name, hook.url, hook.secret) == ("hook", "https://h/x?a=1", "")
    assert "fired" in hook.events
    assert "updated" not in hook.events


def test_targets_and_rules_may_stand_in_a_file(tmp_path: Path) -> None:
    given = written(tmp_path, FILE)
    phone, hook = given.target_list()
    assert (phone.name, phone.kind) == ("phone", "notify")
    assert (hook.secret, hook.snapshot) == ("s3cret", "none")
    assert sorted(hook.events) == ["fired", "updated"]
    (rule,) = given.rule_list()
    assert (rule.id, rule.question, rule.cameras) == ("parcel", "Is there a parcel?", ("gate",))
    assert given.terms().base_url == "https://cam.example"


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("TARGETS", "https://h/SECRET", "number 1: write name=url"),
        ("TARGETS", "https://h/SECRET?token=SECRET", "number 1: write name=url"),
        ("TARGETS", "a=https://h ../b=https://h/SECRET", "number 2: write name=url"),
        ("TARGETS", "hook=SECRET", "hook: write a URL"),
        ("TARGETS", "hook=https:///SECRET", "hook: its URL names no host"),
        ("TARGETS", "hook=https://u:SECRET@h:port/", "hook: its address cannot be read"),
        ("TARGETS", "hook=https://[SECRET/", "hook: its address cannot be read"),
        ("TARGETS", "hook=https://u:123/SECRET@h/", "hook: write %2F for /"),
        ("TARGETS", "phone=nosuch://SECRET", "phone: Apprise knows no nosuch://"),
        ("TARGETS", "phone=tgram://SECRET", "phone: Apprise knows no tgram://, or not"),
        ("TARGETS", "home=mqtt://u:SECRET@h/a#b", "home: write nothing but"),
        ("TARGETS", "home=mqtt://h/a+b", "home: a topic has no"),
        ("TARGETS", "home=mqtt://h/a?retain=SECRET", "home: write nothing but"),
        ("TARGETS", "a=https://h/SECRET a=https://h/SECRET", "a is there twice"),
        ("BASE_URL", "cam.example", "write http://host"),
        ("BASE_URL", "ftp://cam.example", "write http://host"),
        ("MQTT_CA", "/nowhere/ca.pem", "there is no such file"),
        ("DELIVERY_KEEP_H", "0", "> 0"),
    ],
)
def test_a_bad_setting_is_named(
    name: str, value: str, complaint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadSettings) as error:
        read(AlertsSettings, {f"LOOKOUT_{name}": value})
    assert str(error.value).startswith(f"LOOKOUT_{name}: ")
    assert complaint in str(error.value)
    assert "SECRET" not in str(error.value)
    assert "SECRET" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[targets.hook]\nsecret = 'SECRET'", "targets[...]: object missing required field `url`"),
        (
            "[targets.hook]\nurl = 'https://h/SECRET'\nevents = ['fried']",
            "events[0]: invalid enum value",
        ),
        ("[targets.hook]\nurl = 'https://h/SECRET'\ncolour = 'red'", "colour"),
        ("[targets]\n'a b' = 'https://h/SECRET'", "targets.a b: use 1 to 64 letters"),
        ("[rules.parcel]\nquestion = ''", "rules.parcel: question: write"),
        ("[rules.parcel]\nquestion = 'x?'\nevery = 1", "every: this field is not known"),
        ("[rules.'a b']\nquestion = 'x?'", "rules.a b: id: write"),
    ],
)
def test_what_does_not_fit_in_the_file_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(BadSettings) as error:
        written(tmp_path, text)
    assert complaint in str(error.value)
    assert "SECRET" not in str(error.value)


def test_an_mqtt_address_has_what_its_url_leaves_out() -> None:
    bare = Address("broker", 1883, False, "lookout", "homeassistant")
    assert parse_address("mqtt://broker") == parse_address("mqtt://broker/") == bare
    full = parse_address("mqtts://me:p%40ss@broker:1/home/cams?discovery=ha")
    assert full == Address("broker", 1, True, "home/cams", "ha", "me", "p@ss")
    assert parse_address("mqtts://broker?discovery=none").discovery == ""
    assert parse_address("mqtts://broker?discovery=").port == 8883
    assert "p@ss" not in repr(full)
