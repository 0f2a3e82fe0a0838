//! Tests of the report's format and redaction.

use super::*;
use crate::secret::Secret;

fn written(format: ReportFormat, findings: Vec<DoctorFinding>) -> (String, u8) {
    let mut out = Vec::new();
    let mut report = Report::new(&mut out, format);
    report.hide(Redactor::of([&Secret::new("sk-0123456789abcdef")]));
    report.add_all(findings);
    let code = report.end(Map::new()).unwrap();
    (String::from_utf8(out).unwrap(), code)
}

#[test]
fn failures_are_listed_last_and_skipped_checks_fold_into_one_line() {
    let findings = vec![
        DoctorFinding::ok(Check::Dns, "localhost is 127.0.0.1"),
        DoctorFinding::new(Check::Tcp, Level::Failure(Kind::Network), "refused").hint("start it"),
        DoctorFinding::skipped(Check::Tls, "tcp failed"),
    ];
    let (text, code) = written(ReportFormat::Lines, findings);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "ok       dns              localhost is 127.0.0.1",
            "-        skipped          tls (tcp failed)",
            "FAILURE  tcp              refused; hint: start it",
            "",
            "1 failure; exit code 5",
        ]
    );
    assert_eq!(code, 5);
}

#[test]
fn the_first_failure_determines_the_exit_code() {
    let failure = |check, kind| DoctorFinding::new(check, Level::Failure(kind), "x");
    let later = failure(Check::Speaker, Kind::Device);
    assert_eq!(written(ReportFormat::Lines, vec![failure(Check::Key, Kind::Config), later]).1, 3);
    let warning = DoctorFinding::new(Check::Clear, Level::Warning, "x");
    let (text, code) =
        written(ReportFormat::Lines, vec![warning, DoctorFinding::new(Check::Text, Level::Note, "x")]);
    assert!(text.ends_with("\n1 warning, 1 note; exit code 0\n") && code == 0, "{text}");
    assert!(written(ReportFormat::Lines, Vec::new()).0.contains("no problems found"));
}

#[test]
fn server_text_is_sanitized_and_redacted_in_both_formats() {
    let said = "bad key sk-0123456789abcdef\n\u{1b}[31mred\u{202e} sk-0123\u{1b}[1m456789abcdef";
    let finding = DoctorFinding::new(Check::Session, Level::Warning, said).hint(said);
    let finding = finding.detail("nested", json!({ "list": [said], "count": 1 }));
    for format in [ReportFormat::Lines, ReportFormat::Json] {
        let (text, _) = written(format, vec![finding.clone()]);
        assert!(!text.contains("456789") && !text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
        assert!(text.contains("bad key [key hidden] red"), "{text}");
    }
}

#[test]
fn json_has_every_field_of_every_finding() {
    let finding = DoctorFinding::ok(Check::Tcp, "fine").detail("ms", 7);
    let (text, _) = written(ReportFormat::Json, vec![finding]);
    let report: Value = serde_json::from_str(&text).unwrap();
    let check =
        json!({ "check": "tcp", "level": "ok", "message": "fine", "hint": null, "details": { "ms": 7 } });
    assert_eq!(report, json!({ "checks": [check], "worst": "ok", "exit_code": 0 }));
}

#[test]
fn announcements_appear_only_in_lines() {
    for (format, expected) in
        [(ReportFormat::Lines, "...      echo             please be silent\n"), (ReportFormat::Json, "")]
    {
        let mut out = Vec::new();
        Report::new(&mut out, format).announce(Check::Echo, "please be silent");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn every_check_has_a_name_of_its_own_and_a_place() {
    let names: std::collections::BTreeSet<&str> = Check::ALL.iter().map(|(check, _)| check.name()).collect();
    assert_eq!(names.len(), Check::ALL.len());
    assert!(Check::ALL.is_sorted());
    assert_eq!(Check::Configuration.to(Check::Echo).count(), Check::ALL.len());
    let way: Vec<&str> = Check::Dns.to(Check::Tls).map(Check::name).collect();
    assert_eq!(way, ["dns", "tcp", "proxy", "tls"]);
}

#[test]
fn failures_are_red_on_a_terminal_only() {
    let failure = || DoctorFinding::new(Check::Tcp, Level::Failure(Kind::Network), "refused");
    let (colored, _) = written(ReportFormat::ColoredLines, vec![failure()]);
    assert!(colored.starts_with("\u{1b}[1;31mFAILURE \u{1b}[0m tcp"), "{colored}");
    assert!(!written(ReportFormat::Lines, vec![failure()]).0.contains('\u{1b}'));
}

#[test]
fn skipped_checks_are_grouped_by_reason() {
    let skipped = |check, why| DoctorFinding::skipped(check, why);
    let findings = vec![skipped(Check::Dns, "a"), skipped(Check::Tcp, "b"), skipped(Check::Tls, "a")];
    let (text, _) = written(ReportFormat::Lines, findings);
    assert_eq!(text.lines().next(), Some("-        skipped          dns, tls (a); tcp (b)"));
}
