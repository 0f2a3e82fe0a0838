//! Reads arbitrary text as a configuration file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rtvoice::config::file::{Author, ConfigFile};

fuzz_target!(|text: &str| {
    for author in [Author::User, Author::Program] {
        let profile = format!("[profiles.a]\n{text}");
        for text in [text, &profile] {
            if let Err(wrong) = ConfigFile::parse(text, author) {
                let lines = text.split('\n').count();
                assert!(wrong.line.is_none_or(|line| (1..=lines).contains(&line)), "{wrong}");
                assert!(!wrong.to_string().is_empty());
            }
        }
    }
});
