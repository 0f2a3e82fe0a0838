//! Selection of a function: only if `tool_choice` demands one, since the endpoint recognizes no words.

use serde_json::Value;

use crate::protocol::settings::{Tool, ToolChoice};
use crate::server::demo::client_error::ClientError;
use crate::server::demo::function_calls::arguments::example;

/// A function call, with arguments generated from the schema.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FunctionCall {
    /// Name of the function.
    pub(crate) name: String,
    /// Arguments as JSON text.
    pub(crate) arguments: String,
}

/// Returns the call that `choice` demands from `tools`; `None` if the endpoint may choose.
///
/// # Errors
///
/// When the choice cannot be satisfied; `param` is its path.
pub(crate) fn demanded_call(
    choice: &ToolChoice,
    tools: &[Tool],
    param: &str,
) -> Result<Option<FunctionCall>, ClientError> {
    let mut functions = tools.iter().filter_map(function);
    let (name, parameters) = match choice {
        ToolChoice::Auto | ToolChoice::None => return Ok(None),
        ToolChoice::Required => functions.next().ok_or_else(|| {
            ClientError::value(param, "Tool choice 'required' needs at least one function in 'tools'.")
        })?,
        ToolChoice::Function(wanted) => {
            functions.find(|(name, _)| name == wanted).ok_or_else(|| undeclared(wanted, param))?
        }
        ToolChoice::Other(_) => {
            return Err(ClientError::value(param, "This endpoint calls functions, but no MCP servers."));
        }
    };
    let arguments = example(parameters).map_err(|reason| {
        let message = format!("Cannot make arguments for the function '{name}': {reason}.");
        ClientError::value(param, message)
    })?;
    Ok(Some(FunctionCall { name: name.to_owned(), arguments: arguments.to_string() }))
}

/// Rejects a function that is not among `tools`.
pub(crate) fn check_declared(choice: &ToolChoice, tools: &[Tool], param: &str) -> Result<(), ClientError> {
    match choice {
        ToolChoice::Function(wanted)
            if !tools.iter().filter_map(function).any(|(name, _)| name == wanted) =>
        {
            Err(undeclared(wanted, param))
        }
        ToolChoice::Function(_)
        | ToolChoice::Auto
        | ToolChoice::None
        | ToolChoice::Required
        | ToolChoice::Other(_) => Ok(()),
    }
}

fn function(tool: &Tool) -> Option<(&str, Option<&Value>)> {
    match tool {
        Tool::Function { name, parameters, .. } => Some((name, parameters.as_ref())),
        Tool::Other(_) => None,
    }
}

fn undeclared(name: &str, param: &str) -> ClientError {
    ClientError::value(param, format!("Tool choice '{name}' not found in 'tools' parameter."))
}
