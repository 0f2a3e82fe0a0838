//! Writes a conversation to its file while it takes place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::call::kept::folder::{KeptFolder, NewFile};
use crate::call::kept::record::{KeptHeader, KeptRecord, VERSION};
use crate::error::Error;
use crate::protocol::events::item::Role;
use crate::session::io::message::PastTurn;
use crate::session::io::{AssistantLine, EndReason, Notice, Removal, UsageReport, UserUtterance};
use crate::ui::text::json;
use crate::ui::text::language::UiLanguage;
use crate::ui::text::wording;

/// Facts for the header of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptFacts {
    pub(crate) name: Option<String>,
    pub(crate) profile: String,
    pub(crate) model: Option<String>,
    /// The conversation that is continued, and its turns.
    pub(crate) continues: Option<String>,
    pub(crate) given: Vec<PastTurn>,
}

/// ConversationRecorder of one conversation. The file is created with the first turn, so that none is empty.
#[derive(Debug)]
pub(crate) struct ConversationRecorder {
    folder: KeptFolder,
    facts: KeptFacts,
    /// Start of the conversation, since 1970.
    unix_start: Duration,
    file: Option<(File, PathBuf)>,
    /// The connection, until there is a file.
    connection: Option<KeptRecord>,
    /// When the turns that are not final began.
    begun: BTreeMap<String, u64>,
    usage: Option<Box<UsageReport>>,
}

impl ConversationRecorder {
    pub(crate) fn new(folder: KeptFolder, facts: KeptFacts, unix_start: Duration) -> Self {
        Self { folder, facts, unix_start, file: None, connection: None, begun: BTreeMap::new(), usage: None }
    }

    /// Creates the folder, so that a failure is known before anything is said.
    ///
    /// # Errors
    ///
    /// When it cannot be used.
    pub(crate) fn prepare(&self) -> Result<(), Error> {
        self.folder.prepare()
    }

    /// Returns the file, once there is one.
    pub(crate) fn path(&self) -> Option<&PathBuf> {
        self.file.as_ref().map(|(_, path)| path)
    }

    /// Records a notice; each record is written at once. Returns whether it created the file.
    ///
    /// # Errors
    ///
    /// When the file cannot be created or written: a full disk, for example.
    pub(crate) fn note(&mut self, at: Duration, notice: &Notice) -> io::Result<bool> {
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let record = match notice {
            Notice::User(line) => self.user(at_ms, line),
            Notice::Assistant(line) => self.assistant(at_ms, line),
            Notice::Removed(removal) => Some(removed(at_ms, removal)),
            Notice::Ready(ready) => Some(KeptRecord::Connection {
                at_ms,
                session: ready.session_id.clone(),
                model: ready.model.clone(),
                voice: ready.voice.clone(),
            }),
            Notice::Usage(report) => {
                self.usage = Some(report.clone());
                None
            }
            Notice::End(reason) => Some(self.end(at_ms, reason)),
            Notice::Connection(_)
            | Notice::SpeakNow
            | Notice::SpeechStarted { .. }
            | Notice::SpeechStopped { .. }
            | Notice::Turn(_)
            | Notice::Delay(_)
            | Notice::Muted(_)
            | Notice::Volume(_)
            | Notice::Setting(_)
            | Notice::Mark(_)
            | Notice::Device(..)
            | Notice::Devices(_)
            | Notice::Echo(_)
            | Notice::Error { .. }
            | Notice::Info(_)
            | Notice::Debug(_) => None,
        };
        record.map_or(Ok(false), |record| self.write(record))
    }

    fn user(&mut self, at_ms: u64, line: &UserUtterance) -> Option<KeptRecord> {
        let at_ms = *self.begun.entry(line.item_id.clone()).or_insert(at_ms);
        if !line.is_final {
            return None;
        }
        self.begun.remove(&line.item_id);
        let (item, text) = (line.item_id.clone(), line.text.clone());
        (!text.trim().is_empty()).then_some(KeptRecord::User { at_ms, item, text })
    }

    fn assistant(&mut self, at_ms: u64, line: &AssistantLine) -> Option<KeptRecord> {
        // The text grows with every notice: only the first one is new.
        if !self.begun.contains_key(&line.item_id) {
            self.begun.insert(line.item_id.clone(), at_ms);
        }
        if !line.is_final {
            return None;
        }
        let at_ms = self.begun.remove(&line.item_id).unwrap_or(at_ms);
        let heard = (line.heard_bytes < line.text.len()).then(|| line.text[..line.heard_bytes].to_owned());
        let (item, text, interrupted) = (line.item_id.clone(), line.text.clone(), line.interrupted);
        (!text.trim().is_empty()).then_some(KeptRecord::Assistant { at_ms, item, text, heard, interrupted })
    }

    fn end(&self, at_ms: u64, reason: &EndReason) -> KeptRecord {
        let usage = self.usage.as_ref();
        // Files are in English, so that programs can read them.
        let strings = UiLanguage::English.strings();
        KeptRecord::End {
            at_ms,
            reason: wording::end(strings, reason, strings.end.conversation),
            total_tokens: usage.and_then(|usage| usage.total.total_tokens),
            usd: usage.map(|usage| usage.total_usd),
        }
    }

    /// Writes a record, the first turn after a header.
    fn write(&mut self, record: KeptRecord) -> io::Result<bool> {
        if let Some((file, _)) = &mut self.file {
            return write_line(file, &record).map(|()| false);
        }
        match record {
            KeptRecord::User { .. } | KeptRecord::Assistant { .. } => {}
            record @ KeptRecord::Connection { .. } => {
                self.connection = Some(record);
                return Ok(false);
            }
            KeptRecord::Removed { item, .. } => {
                self.facts.given.retain(|turn| item.as_ref().is_some_and(|item| turn.item_id != *item));
                return Ok(false);
            }
            KeptRecord::End { .. } | KeptRecord::Unknown => return Ok(false),
        }
        let NewFile { mut file, path, id, started } = self.folder.create(self.unix_start)?;
        let facts = &self.facts;
        let header = KeptHeader {
            rtvoice_session: VERSION,
            id,
            name: facts.name.clone(),
            started,
            program: Some(env!("CARGO_PKG_VERSION").to_owned()),
            profile: Some(facts.profile.clone()),
            model: facts.model.clone(),
            continues: facts.continues.clone(),
        };
        write_line(&mut file, &header)?;
        let given = facts.given.iter().map(given_record);
        for record in given.chain(self.connection.take()).chain([record]) {
            write_line(&mut file, &record)?;
        }
        self.file = Some((file, path));
        Ok(true)
    }
}

fn removed(at_ms: u64, removal: &Removal) -> KeptRecord {
    let item = match removal {
        Removal::Item(item) => Some(item.clone()),
        Removal::Everything => None,
    };
    KeptRecord::Removed { at_ms, item }
}

fn given_record(turn: &PastTurn) -> KeptRecord {
    let (at_ms, item, text) = (0, turn.item_id.clone(), turn.text.clone());
    match turn.role {
        Role::Assistant => KeptRecord::Assistant { at_ms, item, text, heard: None, interrupted: false },
        Role::User | Role::System | Role::Other(_) => KeptRecord::User { at_ms, item, text },
    }
}

fn write_line(file: &mut File, record: &impl Serialize) -> io::Result<()> {
    file.write_all(json::line(record)?.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::call::kept::record;
    use crate::session::io::Ready;

    const START: Duration = Duration::from_secs(1_796_023_533);

    fn user(item: &str, text: &str, is_final: bool) -> Notice {
        let (item_id, text) = (item.to_owned(), text.to_owned());
        let (after, spoken, has_failed) = (None, None, false);
        Notice::User(UserUtterance { item_id, text, is_final, after, spoken, has_failed })
    }

    fn answer(item: &str, text: &str, heard_bytes: usize, is_final: bool) -> Notice {
        let (item_id, text) = (item.to_owned(), text.to_owned());
        let interrupted = heard_bytes < text.len();
        Notice::Assistant(AssistantLine { item_id, text, is_final, heard_ms: None, heard_bytes, interrupted })
    }

    fn recorder(home: &tempfile::TempDir, facts: KeptFacts) -> ConversationRecorder {
        ConversationRecorder::new(KeptFolder::at(home.path().join("sessions")), facts, START)
    }

    /// Returns the texts in the file of a recorder.
    fn kept(recorder: &ConversationRecorder) -> Vec<String> {
        let file = fs::read(recorder.path().expect("there is a file")).unwrap();
        record::parse(&file).unwrap().turns.into_iter().map(|turn| turn.text).collect()
    }

    #[test]
    fn each_final_turn_is_in_the_file_at_once() {
        let home = tempfile::tempdir().unwrap();
        let mut recorder = recorder(&home, KeptFacts::default());
        let at = Duration::from_secs;
        recorder.note(at(0), &Notice::Ready(Ready::default())).unwrap();
        recorder.note(at(1), &user("u1", "", false)).unwrap();
        recorder.note(at(2), &answer("a1", "One,", 4, false)).unwrap();
        assert!(recorder.path().is_none(), "nothing is final");
        assert!(recorder.note(at(3), &answer("a1", "One, two", 4, true)).unwrap());
        assert_eq!(kept(&recorder), ["One,"]);
        assert!(!recorder.note(at(4), &user("u1", "Count", true)).unwrap());
        assert_eq!(kept(&recorder), ["Count", "One,"], "a late transcript keeps its place");
        recorder.note(at(5), &Notice::Removed(Removal::Item("a1".to_owned()))).unwrap();
        assert_eq!(kept(&recorder), ["Count"]);
        recorder.note(at(6), &Notice::End(EndReason::User)).unwrap();
        let file = fs::read_to_string(recorder.path().unwrap()).unwrap();
        let types = ["rtvoice_session", "connection", "assistant", "user", "removed", "end"];
        for (line, kind) in file.lines().zip(types) {
            assert!(line.contains(kind), "{line}");
        }
        assert_eq!(file.lines().count(), types.len());
        assert!(file.contains("\"text\":\"One, two\",\"heard\":\"One,\""), "{file}");
    }

    #[test]
    fn a_conversation_without_turns_leaves_no_file() {
        let home = tempfile::tempdir().unwrap();
        let mut recorder = recorder(&home, KeptFacts::default());
        for notice in [user("u1", " ", true), Notice::End(EndReason::User)] {
            recorder.note(Duration::ZERO, &notice).unwrap();
        }
        assert!(recorder.path().is_none() && !home.path().join("sessions").exists());
    }

    #[test]
    fn a_continued_conversation_is_whole_in_its_new_file() {
        let home = tempfile::tempdir().unwrap();
        let turn =
            |item: &str, role, text: &str| PastTurn { item_id: item.to_owned(), role, text: text.to_owned() };
        let given = vec![turn("k1", Role::User, "one"), turn("k2", Role::Assistant, "two")];
        let facts = KeptFacts { continues: Some("earlier".to_owned()), given, ..KeptFacts::default() };
        let mut recorder = recorder(&home, facts);
        let removed = Notice::Removed(Removal::Item("k2".to_owned()));
        recorder.note(Duration::ZERO, &removed).unwrap();
        recorder.note(Duration::ZERO, &answer("a1", "other", 5, true)).unwrap();
        assert_eq!(kept(&recorder), ["one", "other"]);
        let header = fs::read_to_string(recorder.path().unwrap()).unwrap();
        assert!(header.contains("\"continues\":\"earlier\""), "{header}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let mut recorder = recorder(&home, KeptFacts::default());
        recorder.file = Some((File::options().write(true).open("/dev/full").unwrap(), PathBuf::new()));
        let error = recorder.note(Duration::ZERO, &user("u1", "one", true)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
