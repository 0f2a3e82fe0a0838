//! Syntax of `.env` files, and what they cannot do.

use super::*;

fn value(text: &str, name: &str) -> Option<String> {
    Dotenv::parse(text.as_bytes()).get(name).unwrap().map(str::to_owned)
}

fn error(text: &[u8], name: &str) -> (usize, &'static str) {
    let MalformedLine { line, reason } = Dotenv::parse(text).get(name).unwrap_err();
    (line, reason)
}

#[test]
fn a_dotenv_value_is_never_expanded() {
    for literal in
        ["${HOME}", "$HOME", "sk-$a$$b", "$(id)", "`id`", "%PATH%", "~", "a\\$b", "wss://h/?k=${PATH}"]
    {
        for line in
            [format!("K={literal}"), format!("K='{literal}'"), format!("A=1\nexport K = {literal} # c")]
        {
            assert_eq!(value(&line, "K").as_deref(), Some(literal), "{line}");
        }
    }
    for (quoted, literal) in
        [("${HOME}", "${HOME}"), ("sk-$a", "sk-$a"), ("a\\$b", "a$b"), ("$(id)", "$(id)")]
    {
        assert_eq!(value(&format!("K=\"{quoted}\""), "K").as_deref(), Some(literal));
    }
    assert_eq!(value("A=secret\nK=${A}\n", "K").as_deref(), Some("${A}"), "not from the file itself either");
}

#[test]
fn a_line_is_parsed_as_by_other_programs() {
    for (text, expected) in [
        ("K=v", "v"),
        ("K=v\r\n", "v"),
        ("\r\n\r\nK=v\r\nL=w\r\n", "v"),
        ("A=1\rK=v\rL=2\r", "v"),
        ("  K =  v  ", "v"),
        ("export K=v", "v"),
        ("export\tK=v", "v"),
        ("K=v # comment", "v"),
        ("K=v#1", "v#1"),
        ("K=#v", "#v"),
        ("K= # comment", ""),
        ("K=", ""),
        ("K=\"\"", ""),
        ("K=a b c", "a b c"),
        ("K=a=b==", "a=b=="),
        ("K=\"a b\" # comment", "a b"),
        ("K='a # b'#comment", "a # b"),
        ("K=\"a\\nb\\t\\\"c\\\" \\\\ \\x\"", "a\nb\t\"c\" \\ \\x"),
        ("K='a\\nb'", "a\\nb"),
        ("K=\"first\nsecond\"\nL=1", "first\nsecond"),
        ("K=it's", "it's"),
        ("K=\"sk-é\"", "sk-é"),
        ("K=1\nK=2\n", "2"),
        ("# K=1\n  #K=2\nK=3", "3"),
    ] {
        assert_eq!(value(text, "K").as_deref(), Some(expected), "{text:?}");
    }
}

#[test]
fn lines_of_other_programs_are_skipped() {
    for foreign in [
        "APP_NAME=My Great App",
        "OPTS={ \"a\": 1 }",
        "OPTS=\"{\"a\": 1}\"",
        "LIST=['a', \"b\"]",
        "GREETING=\"hello",
        "GREETING='it",
        "GREETING=\"hello\nNAME=\"x\"",
        "PEM=\"-----BEGIN KEY-----\nab+/=\nK=no\n-----END KEY-----\"",
        "source other.env",
        "if [ -f .env.local ]; then",
        "key: value",
        "{",
        "=",
        "=x",
        "1A=x",
        "a.b=c",
        "-----",
        "\"quoted\"=1",
        "A=${B:-c}",
        "\u{FEFF}",
    ] {
        assert_eq!(value(&format!("{foreign}\nK=sk-1\n"), "K").as_deref(), Some("sk-1"), "{foreign}");
        assert_eq!(value(&format!("K=sk-1\r\n{foreign}\r\n"), "K").as_deref(), Some("sk-1"), "{foreign}");
    }
    let latin1 = b"NAME=caf\xe9\nK=sk-1\n";
    assert_eq!(Dotenv::parse(latin1).get("K"), Ok(Some("sk-1")));
}

#[test]
fn a_byte_order_mark_and_utf_16_are_read() {
    let text = "K=sk-é\r\nL=2\r\n";
    let utf16 = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let (little, big) = (utf16(u16::to_le_bytes), utf16(u16::to_be_bytes));
    for (bytes, kind) in [
        ([b"\xEF\xBB\xBF", text.as_bytes()].concat(), "UTF-8"),
        ([b"\xFF\xFE", little.as_slice()].concat(), "UTF-16LE"),
        ([b"\xFE\xFF", big.as_slice()].concat(), "UTF-16BE"),
        (little.clone(), "UTF-16LE without a mark"),
        (big.clone(), "UTF-16BE without a mark"),
        ([b"\xFF\xFE", little.as_slice(), b"\n"].concat(), "an odd number of bytes"),
    ] {
        let env = Dotenv::parse(&bytes);
        assert_eq!((env.get("K"), env.get("L")), (Ok(Some("sk-é")), Ok(Some("2"))), "{kind}");
    }
}

#[test]
fn a_bad_line_of_dotenv_is_named_by_its_number() {
    let form = "it is not of the form NAME=value";
    for (text, expected) in [
        (&b"\n# c\nK=\"sk-1\n"[..], (3, "the quote is not closed")),
        (b"A='1\n2'\nK='sk-1\n", (3, "the quote is not closed")),
        (b"K=\"sk-1\nL=\"x\"\n", (1, "the quote is not closed")),
        (b"K=\"a\"b\n", (1, "text follows the closing quote")),
        (b"A=1\r\nK: sk-1\r\n", (2, form)),
        (b"K sk-1\n", (1, form)),
        (b"set K=sk-1\n", (1, form)),
        (b"A=1\nB=2\nK=sk-\xe9\n", (3, "the value is not UTF-8 text")),
        (b"A=1\nK=a\0b\n", (2, "the value is not UTF-8 text")),
        (b"K=good\nK=\"bad\n", (2, "the quote is not closed")),
    ] {
        assert_eq!(error(text, "K"), expected, "{}", String::from_utf8_lossy(text));
    }
    assert_eq!(Dotenv::parse(b"K: bad\nK=good\n").get("K"), Ok(Some("good")));
    assert_eq!(Dotenv::parse(b"K: bad\n").get("L"), Ok(None), "another variable is not concerned");
}

#[cfg(unix)]
#[test]
fn a_dotenv_that_is_not_a_file_is_skipped_and_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(".env");
    assert_eq!(Dotenv::read(&path).unwrap().skipped(), None);
    crate::config::regular_file::tests::make_fifo(directory.path());
    let fifo = SkippedFile::Unreadable(".env in this folder is skipped: it is a FIFO".to_owned());
    assert_eq!(Dotenv::read(&path).unwrap().skipped(), Some(&fifo));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(Dotenv::read(&path).unwrap().skipped(), Some(&SkippedFile::Folder));
    std::fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    assert_eq!(Dotenv::read(&path).unwrap().skipped(), None);
}

#[cfg(unix)]
#[test]
fn a_dotenv_of_another_user_is_refused() {
    use std::os::unix::fs::MetadataExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(".env");
    // Only the superuser can give files away; for others a file of the system stands in.
    if std::os::unix::fs::chown(directory.path(), Some(65_534), None).is_ok() {
        std::fs::write(&path, "RTVOICE_URL=wss://evil.example\n").unwrap();
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
    } else {
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().uid(), 0);
    }
    let Err(error) = Dotenv::read(&path) else { panic!("it was read") };
    assert_eq!(error.kind, Kind::Config);
    assert!(error.to_string().starts_with(".env in this folder belongs to another user"), "{error}");
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in "[K=\"'#$\\\\ \r\n]{0,40}") {
        let _ = Dotenv::parse(&bytes).get("K").is_ok();
        let _ = Dotenv::parse(text.as_bytes()).get("K").is_ok();
        // A valid line counts regardless of the text before it, unless a quote encloses it.
        let after = format!("{}\nL=1", text.replace(['"', '\''], ""));
        let env = Dotenv::parse(after.as_bytes());
        proptest::prop_assert_eq!(env.get("L"), Ok(Some("1")));
    }
}
