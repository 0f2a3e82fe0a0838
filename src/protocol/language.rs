//! Conversion of language tags to the codes used for transcription.

/// Primary subtags that differ from Whisper's code for the language.
const ALIASES: [(&str, &str); 7] =
    [("nb", "no"), ("cmn", "zh"), ("fil", "tl"), ("iw", "he"), ("in", "id"), ("ji", "yi"), ("jv", "jw")];

/// Returns the codes of a list of tags such as `de, en-US`, each once; nothing for tags that leave the language open.
///
/// # Errors
///
/// Returns what is no language tag.
pub fn wire_codes(tags: &str) -> Result<Vec<String>, String> {
    let mut codes = Vec::new();
    for tag in tags.split(',') {
        let Some(code) = wire_code(tag) else { continue };
        if !(2..=3).contains(&code.len()) || !code.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(tag.trim().to_owned());
        }
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    Ok(codes)
}

/// Returns the `language` code for transcription (ISO 639-1, without a region): `zh` for `zh-TW`, `en` for
/// `en_US.UTF-8`. `None` leaves the field out, so that the endpoint detects the language.
fn wire_code(tag: &str) -> Option<String> {
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
    fn several_languages_are_codes_without_repetition() {
        let codes = |tags: &str| wire_codes(tags).map(|codes| codes.join(" "));
        assert_eq!(codes("de, en-US,en-GB,auto"), Ok("de en".to_owned()));
        assert_eq!(codes("auto"), Ok(String::new()));
        for word in ["german", "d", "d3", "中文"] {
            assert_eq!(codes(&format!("en,{word}")), Err(word.to_owned()));
        }
    }

    #[test]
    fn a_language_that_is_auto_or_empty_is_left_out() {
        for tag in ["auto", "AUTO", "", "  ", "und", "C", "C.UTF-8", "POSIX"] {
            assert_eq!(wire_code(tag), None, "{tag:?}");
        }
    }
}
