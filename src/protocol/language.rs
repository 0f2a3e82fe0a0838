//! Conversion of language tags to the codes used for transcription.

/// Primary subtags that differ from Whisper's code for the language.
const ALIASES: [(&str, &str); 7] =
    [("nb", "no"), ("cmn", "zh"), ("fil", "tl"), ("iw", "he"), ("in", "id"), ("ji", "yi"), ("jv", "jw")];

/// Returns the `language` code for transcription (ISO 639-1, without a region): `zh` for `zh-TW`, `en` for
/// `en_US.UTF-8`. `None` leaves the field out, so that the endpoint detects the language.
pub fn wire_code(tag: &str) -> Option<String> {
    let primary = tag.trim().split(['-', '_', '.', '@']).next().unwrap_or_default().to_ascii_lowercase();
    if matches!(primary.as_str(), "" | "auto" | "und" | "mul" | "c" | "posix") {
        return None;
    }
    let alias = ALIASES.iter().find(|(text_part, _)| *text_part == primary);
    Some(alias.map_or(primary, |(_, code)| (*code).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regional_language_tag_becomes_the_code_on_the_wire() {
        for (tag, code) in [
            ("zh-TW", "zh"),
            ("zh-Hant-HK", "zh"),
            ("ZH", "zh"),
            ("cmn-Hans-CN", "zh"),
            ("en_US", "en"),
            ("en_US.UTF-8", "en"),
            ("de_DE@euro", "de"),
            ("pt-BR", "pt"),
            (" sr-Latn-RS ", "sr"),
            ("nb-NO", "no"),
            ("yue", "yue"),
        ] {
            assert_eq!(wire_code(tag).as_deref(), Some(code), "{tag}");
        }
    }

    #[test]
    fn a_language_that_is_auto_or_empty_is_left_out() {
        for tag in ["auto", "AUTO", "", "  ", "und", "C", "C.UTF-8", "POSIX"] {
            assert_eq!(wire_code(tag), None, "{tag:?}");
        }
    }
}
