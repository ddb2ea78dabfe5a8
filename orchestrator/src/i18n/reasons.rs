//! The engine's texts in Portuguese: reasons of steps, endings and history entries, and refusals of operators' actions.
//!
//! The engine records them in English, as the API returns them. Pages translate a text when they show it. Texts that
//! the engine did not write (a participant's reason, an operator's words) stay as they are.

use std::borrow::Cow;

use super::Lang;

/// A text of the engine. `{}` stands for any text, `{text}` for another text of the engine or any text, `{status}` for
/// a status, and `{action}` for an operator's or a command's action.
struct Template {
    english: &'static str,
    /// With the values of the English text by number: `{0}`, `{1}`.
    portuguese: &'static str,
}

const fn template(english: &'static str, portuguese: &'static str) -> Template {
    Template { english, portuguese }
}

/// The first that matches is taken: longer ones precede those that also match their texts.
const TEMPLATES: &[Template] = &[
    template("not answered in time", "sem resposta dentro do prazo"),
    template("out of retries: {text}", "tentativas esgotadas: {0}"),
    template("refused: {text}", "recusado: {0}"),
    template("refused, {text}", "recusado, {0}"),
    template("failed, {text}", "falhou, {0}"),
    template("the data of the reply is larger than {} bytes", "os dados da resposta têm mais de {0} bytes"),
    template(
        "the data of the reply is too large: the saga's data would have {} bytes, at most {}",
        "os dados da resposta são grandes demais: os dados da saga teriam {0} bytes, no máximo {1}",
    ),
    template("the answer is larger than {} bytes", "a resposta tem mais de {0} bytes"),
    template(
        "the answer is too large: the saga's data would have {} bytes, at most {}",
        "a resposta é grande demais: os dados da saga teriam {0} bytes, no máximo {1}",
    ),
    template("{}: its command has more than {} bytes", "{0}: o comando tem mais de {1} bytes"),
    template("there is no such saga", "essa saga não existe"),
    template("the saga runs on {} version {}, not on {} version {}", "a saga usa {0} versão {1}, e não {2} versão {3}"),
    template("a repeated start", "início repetido"),
    template("repeated callback {} {}", "retorno repetido {0} {1}"),
    template("callback {} {} that no step waits for", "retorno {0} {1}, que nenhum passo aguarda"),
    template("a reply to {}, which is not a step", "resposta a {0}, que não é um passo"),
    template(
        "a reply to {action} attempt {}, which was never sent",
        "resposta à tentativa {1} de {0}, que nunca foi enviada",
    ),
    template(
        "late or repeated reply to {action}: {text}; the step is {status}",
        "resposta atrasada ou repetida de {0}: {1}; o passo está {2}",
    ),
    template(
        "superseded reply to {action}: {text}; the step is {status}",
        "resposta superada de {0}: {1}; o passo está {2}",
    ),
    template("repeated {action} by {}", "repetição de {0} por {1}"),
    template(
        "the saga is {status}: only a paused saga can be resumed",
        "a saga está {0}: só uma saga pausada pode ser retomada",
    ),
    template(
        "the saga is {status}: only a running or compensating saga can be paused",
        "a saga está {0}: só uma saga em andamento ou em compensação pode ser pausada",
    ),
    template("the saga is {status} already", "a saga já está {0}"),
    template("{text}: the ending is {status}", "{0}: o resultado é {1}"),
    template("it is being compensated already", "já está sendo compensada"),
    template("all steps are done", "todos os passos estão concluídos"),
    template(
        "the pivot has begun: the saga can no longer be cancelled",
        "o passo decisivo já começou: a saga não pode mais ser cancelada",
    ),
    template("the saga is paused: resume it first", "a saga está pausada: retome-a primeiro"),
    template(
        "no step waits for its next attempt or is out of retries",
        "nenhum passo aguarda uma nova tentativa ou esgotou as tentativas",
    ),
    template(
        "{} sends no command: its rules would refuse it again",
        "{0} não envia comando: suas regras recusariam de novo",
    ),
    template(
        "{} is {status}, with an attempt in flight: there is nothing to retry",
        "{0} está {1}, com uma tentativa em andamento: não há o que tentar de novo",
    ),
    template("{} is {status}: there is nothing to retry", "{0} está {1}: não há o que tentar de novo"),
    template(
        "{} is {status}: only a running or retrying step can be skipped",
        "{0} está {1}: só um passo em andamento ou em nova tentativa pode ser ignorado",
    ),
    template(
        "{} must be done: only a pivot can be resolved as not happened",
        "{0} precisa ser feito: só um passo decisivo pode ser resolvido como não realizado",
    ),
    template("the saga is {status}: no step is stuck", "a saga está {0}: nenhum passo está bloqueado"),
    template("several steps are stuck, name one of: {}", "há vários passos bloqueados, indique um: {0}"),
    template("{} is {status}, not stuck; stuck: {}", "{0} está {1}, não bloqueado; bloqueados: {2}"),
    template("there is no step {}, only {}", "não existe o passo {0}, apenas {1}"),
    template("the task {} is claimed by {} since {}", "a tarefa {0} está com {1} desde {2}"),
    template("the task {} was completed by {} at {}", "a tarefa {0} foi concluída por {1} em {2}"),
    template("nobody has claimed the task {}", "ninguém assumiu a tarefa {0}"),
    template("{} is not an open task of the saga", "{0} não é uma tarefa aberta da saga"),
    template("a take-over needs a reason", "para assumir a tarefa de outra pessoa, informe o motivo"),
    template("the form is wrong: {}", "o formulário está errado: {0}"),
    template("the message of the form is too large", "a mensagem do formulário é grande demais"),
    template("{action} by {}: {text}", "{0} por {1}: {2}"),
    template("{action} by {}", "{0} por {1}"),
];

impl Lang {
    /// A reason, an error or a refusal in this language. A text that the engine did not write stays as it is.
    pub fn reason(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::En => Cow::Borrowed(text),
            Self::Pt => portuguese(text).map_or(Cow::Borrowed(text), Cow::Owned),
        }
    }

    /// The name of an operator's action or a command's action; unknown ones are returned as they are.
    pub fn action(self, name: &str) -> &str {
        match self {
            Self::En => name,
            Self::Pt => noun(name).unwrap_or(name),
        }
    }
}

/// The text in Portuguese; `None` if the engine did not write it.
fn portuguese(text: &str) -> Option<String> {
    TEMPLATES.iter().find_map(|template| {
        let values = values(template.english, text)?;
        Some(filled(template.portuguese, &values))
    })
}

/// The text with the values in its numbered slots.
fn filled(text: &str, values: &[String]) -> String {
    let mut parts = text.split(['{', '}']);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    while let (Some(slot), Some(literal)) = (parts.next(), parts.next()) {
        let value = slot.parse().ok().and_then(|index: usize| values.get(index));
        filled.push_str(value.map_or(slot, String::as_str));
        filled.push_str(literal);
    }
    filled
}

/// The translated values of the slots of a pattern; `None` if the text does not match it.
fn values(pattern: &str, text: &str) -> Option<Vec<String>> {
    let Some((literal, rest)) = pattern.split_once('{') else {
        return (pattern == text).then(Vec::new);
    };
    let (slot, rest) = rest.split_once('}')?;
    let text = text.strip_prefix(literal)?;
    let next = rest.split('{').next().unwrap_or_default();
    let ends: Vec<usize> = match next {
        "" => vec![text.len()],
        next => text.match_indices(next).map(|(at, _)| at).collect(),
    };
    ends.into_iter().find_map(|end| {
        let value = value_of(slot, &text[..end])?;
        let others = values(rest, &text[end..])?;
        Some(std::iter::once(value).chain(others).collect())
    })
}

/// The value of a slot in Portuguese; `None` if the slot cannot have it.
fn value_of(slot: &str, value: &str) -> Option<String> {
    match slot {
        "status" => is_word(value).then(|| Lang::Pt.status(value)),
        "action" => noun(value).map(str::to_owned),
        "text" => Some(Lang::Pt.reason(value).into_owned()),
        _ => Some(value.to_owned()),
    }
}

fn is_word(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// The Portuguese noun of an action.
fn noun(name: &str) -> Option<&'static str> {
    Some(match name {
        "execute" => "execução",
        "compensate" => "compensação",
        "start" => "início",
        "pause" => "pausa",
        "resume" => "retomada",
        "cancel" => "cancelamento",
        "retry" => "nova tentativa",
        "skip" => "passo ignorado",
        "resolve" => "resolução",
        "claim" => "tarefa assumida",
        "release" => "tarefa liberada",
        "complete" => "tarefa concluída",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
