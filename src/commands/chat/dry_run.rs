//! `rtvoice chat --dry-run`: what would be sent.

use std::io::Write;

use serde::Serialize;

use crate::call::presenter::PresentationMode;
use crate::call::setup::target::Target;
use crate::call::streams::standard::{cannot_write_stdout, stdout};
use crate::error::Error;
use crate::session::io::message::Attachment;
use crate::session::plan::Plan;
use crate::ui::text::json;
use crate::ui::text::sanitize::sanitize;

#[derive(Serialize)]
struct DryRun<'a> {
    r#type: &'static str,
    endpoint: &'a str,
    model: Option<&'a str>,
    instructions: Option<&'a str>,
    /// Names of images.
    images: Vec<&'a str>,
    /// Turns of the conversation that is continued.
    history: Vec<DryTurn<'a>>,
    messages: Vec<String>,
}

#[derive(Serialize)]
struct DryTurn<'a> {
    role: &'a str,
    text: &'a str,
}

/// Writes the endpoint, the model, the instructions and the question; keys are no part of them.
///
/// # Errors
///
/// When standard output cannot be written.
pub(super) fn write(plan: &Plan, target: &Target, way: PresentationMode) -> Result<(), Error> {
    let run = DryRun {
        r#type: "dry_run",
        endpoint: &target.name,
        model: plan.model.as_deref(),
        instructions: plan.settings.instructions.as_deref(),
        images: plan.attachments.iter().filter_map(image_name).collect(),
        history: plan
            .history
            .iter()
            .map(|turn| DryTurn { role: turn.role.as_str(), text: &turn.text })
            .collect(),
        messages: plan.opening.iter().map(|message| plan.worded(message)).collect(),
    };
    let text = match way {
        PresentationMode::Json => json::line(&run).map_err(|error| cannot_write_stdout(error.into()))?,
        PresentationMode::Plain | PresentationMode::Screen => plain(&run),
    };
    let mut stdout = stdout();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(cannot_write_stdout)
}

fn image_name(attachment: &Attachment) -> Option<&str> {
    match attachment {
        Attachment::Text(_) => None,
        Attachment::Image(image) => Some(&image.name),
    }
}

fn plain(run: &DryRun<'_>) -> String {
    let facts = [("endpoint", Some(run.endpoint)), ("model", run.model), ("instructions", run.instructions)];
    let known = facts.iter().filter_map(|(name, value)| Some(format!("{name}: {}\n", (*value)?)));
    let images = run.images.iter().map(|name| format!("image: {name}\n"));
    let history = run.history.iter().map(|turn| format!("\n{}: {}\n", turn.role, turn.text));
    let messages = run.messages.iter().map(|message| format!("\n{message}\n"));
    let text: String = known.chain(images).chain(history).chain(messages).collect();
    sanitize(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_shows_what_would_be_sent() {
        let history = vec![DryTurn { role: "assistant", text: "earlier" }];
        let run = DryRun {
            r#type: "dry_run",
            endpoint: "api.openai.com",
            model: Some("gpt-realtime-2"),
            instructions: None,
            images: vec!["cat.png"],
            history,
            messages: vec!["a question\nof two lines".to_owned()],
        };
        assert_eq!(
            plain(&run),
            "endpoint: api.openai.com\nmodel: gpt-realtime-2\nimage: cat.png\n\nassistant: earlier\n\na question\nof two lines\n"
        );
    }
}
