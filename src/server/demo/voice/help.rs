//! Help of the demo, searched by keywords.

/// The corpus; its format is described in its first lines.
const CORPUS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/help.md"));

/// A section of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// Heading.
    pub(crate) title: &'static str,
    keywords: &'static str,
    /// Spoken answer.
    pub(crate) spoken: &'static str,
    /// Written answer, in Markdown.
    pub(crate) body: &'static str,
}

/// Returns all sections, in order.
pub(crate) fn sections() -> impl Iterator<Item = Section> {
    CORPUS.split("\n## ").skip(1).filter_map(section)
}

fn section(text: &'static str) -> Option<Section> {
    let (title, rest) = text.split_once('\n')?;
    let (keywords, rest) = rest.strip_prefix("- keywords: ")?.split_once('\n')?;
    let (spoken, body) = rest.strip_prefix("- spoken: ")?.split_once('\n')?;
    Some(Section { title, keywords, spoken, body: body.trim() })
}

/// Returns the section that best matches `question`, if any.
pub(crate) fn find(question: &str) -> Option<Section> {
    let question = spaced(question);
    let score = |section: &Section| {
        let words = section.keywords.split(',').chain([section.title]);
        words.map(|keyword| weight(&question, keyword)).sum::<usize>()
    };
    let scored = sections().map(|section| (score(&section), section)).filter(|(score, _)| *score > 0);
    // Of equal scores the first wins: the corpus is in order of importance.
    scored.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, section)| section)
}

/// Returns the written answer if nothing was found.
pub(crate) fn unknown() -> String {
    let topics: Vec<String> = sections().map(|section| format!("- {}", section.title)).collect();
    format!(
        "I do not know that: I am the demo inside rtvoice, not a language model. I can tell about:\n\n{}",
        topics.join("\n")
    )
}

/// Returns the weight of a keyword, its length, if it occurs. Words of other scripts have no spaces around
/// them.
fn weight(question: &str, keyword: &str) -> usize {
    let spaced = spaced(keyword);
    let found =
        if keyword.is_ascii() { question.contains(&spaced) } else { question.contains(spaced.trim()) };
    if found { spaced.trim().chars().count() } else { 0 }
}

/// Returns the words in lower case, each surrounded by single spaces.
fn spaced(text: &str) -> String {
    let mut spaced = String::from(" ");
    for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        spaced.push_str(&word.to_lowercase());
        spaced.push(' ');
    }
    spaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offered_topic_is_found() {
        let first = find("help").unwrap();
        let offer = first.body.lines().last().unwrap();
        let topics: Vec<&str> = offer.split('*').skip(1).step_by(2).collect();
        assert!(topics.len() >= 5, "{offer}");
        for topic in topics {
            assert!(find(topic).is_some_and(|section| section != first), "{topic}");
        }
        for section in sections() {
            assert_eq!(find(section.title), Some(section));
        }
    }

    #[test]
    fn every_section_has_all_its_parts() {
        assert_eq!(sections().count(), CORPUS.matches("\n## ").count());
        for section in sections() {
            assert!(!section.keywords.is_empty() && !section.body.is_empty(), "{}", section.title);
            assert!(section.spoken.len() < 140, "too long to listen to: {}", section.spoken);
            assert!(section.body.matches("```").count() % 2 == 0, "an open code block: {}", section.title);
        }
    }

    #[test]
    fn questions_find_their_section() {
        for (question, title) in [
            ("Hello!", "What this is"),
            ("Who are you?", "What this is"),
            ("你好，這是什麼？", "What this is"),
            ("What's the weather like?", "What the demo cannot do"),
            ("Where do I put my API key?", "Keys and accounts"),
            ("How do I test my microphone?", "Microphone and speaker"),
            ("Can I interrupt you?", "Echo and interrupting"),
            ("how do i transcribe a wav file", "Captions"),
            ("Does it make subtitles?", "Captions"),
            ("Is there JSON output?", "JSON and traces"),
            ("Does it work with Azure or another server?", "Other servers"),
            ("Is my voice stored in the cloud?", "Privacy"),
        ] {
            assert_eq!(find(question).map(|section| section.title), Some(title), "{question}");
        }
    }

    #[test]
    fn an_unknown_question_lists_the_topics() {
        assert_eq!(find("Explain quantum chromodynamics"), None);
        assert!(unknown().contains("- Captions"));
    }
}
