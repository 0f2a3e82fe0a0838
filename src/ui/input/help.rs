//! Rows of the help: the keys as they are bound now and what they do, or the commands.

use crate::keys::action::{ACTIONS, Action, ActionGroup, KeyContext};
use crate::keys::chord::KeyChord;
use crate::ui::input::editor::{Editor, HelpPage};
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::input::slash::{self, SlashContext};
use crate::ui::model::{CallInfo, Model};

/// A row of the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpRow {
    /// Its keys, or a command.
    pub keys: String,
    /// What they do.
    pub meaning: String,
    /// Its section.
    pub group: Option<ActionGroup>,
    /// What Enter does.
    pub choice: HelpChoice,
}

/// What Enter does in a row of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelpChoice {
    /// Starts an action.
    Start(Action),
    /// Begins to type a command.
    Type(&'static str),
    /// Nothing.
    Close,
}

/// Returns all rows of a page.
pub fn all_rows(model: &Model, editor: &Editor) -> Vec<HelpRow> {
    match editor.help_page {
        HelpPage::Keys => keys(model, editor),
        HelpPage::Commands => commands(model),
    }
}

/// Returns the rows that contain what is typed in the help.
pub fn rows(model: &Model, editor: &Editor) -> Vec<HelpRow> {
    let rows = all_rows(model, editor);
    let filter = editor.help_filter.to_lowercase();
    let is_match = |text: &str| text.to_lowercase().contains(&filter);
    rows.into_iter().filter(|row| is_match(&row.keys) || is_match(&row.meaning)).collect()
}

fn keys(model: &Model, editor: &Editor) -> Vec<HelpRow> {
    let (context, words) = (model.key_context(), &model.strings().help);
    let mut rows = Vec::new();
    for spec in &ACTIONS {
        let action = spec.action;
        let keys: Vec<String> = editor.keys.acting(action, context).map(|key| key.to_string()).collect();
        let is_volume = matches!(action, Action::VolumeUp | Action::VolumeDown);
        let is_of_modes = matches!(action, Action::SwitchMode | Action::SwitchCall | Action::MuteCall);
        if keys.is_empty() || is_volume && model.info.volume.is_none() || is_of_modes && !model.info.has_modes
        {
            continue;
        }
        let meaning = match (action, editor.push_to_talk.release_events()) {
            (Action::Talk, ReleaseEvents::Supported) => words.hold_to_talk.to_owned(),
            (Action::Talk, ReleaseEvents::Unsupported) => words.press_to_talk.to_owned(),
            (Action::Devices, _) if context == KeyContext::Captions => words.choose_microphone.to_owned(),
            (action, _) => (words.action)(action),
        };
        // Talking needs the key itself, and an editor needs that the keys are not read meanwhile.
        let is_shown_only = matches!(action, Action::Talk | Action::EditText | Action::Help);
        let choice = if is_shown_only { HelpChoice::Close } else { HelpChoice::Start(action) };
        rows.push(HelpRow { keys: keys.join(", "), meaning, group: Some(spec.group), choice });
    }
    let fixed = match context {
        KeyContext::Captions => vec![("↑↓, Home, End", words.scroll)],
        KeyContext::Call | KeyContext::ManualCall | KeyContext::Chat => {
            vec![("↑↓", words.arrows), ("/", words.type_command)]
        }
    };
    let at = rows.iter().position(|row| row.group == Some(ActionGroup::Window)).unwrap_or(rows.len());
    let fixed = fixed.into_iter().map(|(keys, meaning)| HelpRow {
        keys: keys.to_owned(),
        meaning: meaning.to_owned(),
        group: Some(ActionGroup::Text),
        choice: HelpChoice::Close,
    });
    rows.splice(at..at, fixed);
    rows
}

fn commands(model: &Model) -> Vec<HelpRow> {
    let CallInfo { text_only, has_modes, language, .. } = model.info;
    let context = SlashContext { has_audio: !text_only, has_screen: true, has_modes, language };
    let rows = slash::help(context).into_iter().zip(slash::offers("/", context));
    rows.map(|((usage, meaning), name)| HelpRow {
        keys: usage,
        meaning: meaning.to_owned(),
        group: None,
        choice: HelpChoice::Type(name),
    })
    .collect()
}

/// Returns the first key of an action on the screen of a model; none if it has no key there.
pub fn key_label(model: &Model, editor: &Editor, action: Action) -> Option<String> {
    editor.keys.acting(action, model.key_context()).next().map(|key: KeyChord| key.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::keys::bindings::KeyBindings;
    use crate::ui::model::CallInfo;

    fn all_models() -> [Model; 4] {
        let info = CallInfo::default;
        [
            Model::new(info()),
            Model::new(CallInfo { manual_turns: true, ..info() }),
            Model::new(CallInfo { text_only: true, ..info() }),
            Model::new(CallInfo { captions: true, ..info() }),
        ]
    }

    #[test]
    fn the_help_lists_exactly_the_keys_that_act() {
        for mut model in all_models() {
            model.info.volume = Some(crate::audio::api::Volume::FULL);
            model.info.has_modes = true;
            let (editor, context) = (Editor::default(), model.key_context());
            let shown: Vec<String> = rows(&model, &editor).into_iter().map(|row| row.keys).collect();
            for spec in &ACTIONS {
                let keys: Vec<_> =
                    editor.keys.acting(spec.action, context).map(|key| key.to_string()).collect();
                let is_here = spec.contexts.contains(&context);
                assert_eq!(!keys.is_empty(), is_here, "{} in {context:?}", spec.name);
                assert_eq!(shown.contains(&keys.join(", ")), is_here, "{} in {context:?}", spec.name);
            }
        }
    }

    #[test]
    fn the_help_shows_keys_as_they_are_bound_now() {
        let mut keys = KeyBindings::default();
        keys.set(Action::Mute, vec!["f5".parse().unwrap()]);
        keys.set(Action::Redraw, Vec::new());
        let editor = Editor { keys: Arc::new(keys), ..Editor::default() };
        let rows = rows(&Model::default(), &editor);
        assert!(rows.iter().any(|row| row.keys == "F5" && row.choice == HelpChoice::Start(Action::Mute)));
        assert!(!rows.iter().any(|row| row.choice == HelpChoice::Start(Action::Redraw)), "it has no key");
    }

    #[test]
    fn typing_in_the_help_filters_its_rows() {
        let editor = Editor { help_filter: "MUTE".to_owned(), ..Editor::default() };
        let rows = rows(&Model::default(), &editor);
        assert_eq!(rows.iter().map(|row| row.keys.as_str()).collect::<Vec<_>>(), ["Ctrl-T, Space"]);
    }
}
