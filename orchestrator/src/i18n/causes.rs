//! The sentences on causes: a service without an instance or without progress, dead letters, errors.

use super::Lang;
use crate::causes::Cause;

impl Lang {
    /// The sentence on a cause: `payment-service has no instance, 155 messages behind, since 11:38 UTC (12 min)`. `now`
    /// is in milliseconds since 1970.
    pub fn cause(self, cause: &Cause, now: i64) -> String {
        let lang = self;
        match cause {
            Cause::NoInstance { group, behind, since } => {
                let state = lang.text("has no instance", "não tem nenhuma instância");
                let since = since.map_or_else(String::new, |since| since_text(lang, since, now));
                format!("{group} {state}{}{since}", behind_text(lang, *behind))
            }
            Cause::NoProgress { group, behind, since } => {
                let state = lang.text("makes no progress", "não avança");
                format!("{group} {state}{}{}", behind_text(lang, *behind), since_text(lang, *since, now))
            }
            Cause::CircuitOpen { instance, name, trying, since, error } => {
                let state = match trying {
                    true => lang.text(
                        "the circuit breaker is half-open: one call is tried",
                        "o disjuntor está meio aberto: uma chamada é tentada",
                    ),
                    false => lang.text(
                        "the circuit breaker is open: no calls are made",
                        "o disjuntor está aberto: nenhuma chamada é feita",
                    ),
                };
                let since = since.map_or_else(String::new, |since| since_text(lang, since, now));
                let error = error.as_ref().map_or_else(String::new, |error| format!("; {}", lang.reason(error)));
                format!("{name} ({instance}): {state}{since}{error}")
            }
            Cause::DeadLetters { topic, open } => {
                let unit = match open {
                    1 => lang.text("dead letter on", "dead letter em"),
                    _ => lang.text("dead letters on", "dead letters em"),
                };
                format!("{} {unit} {topic}", lang.number(*open))
            }
            Cause::Error { error } => {
                format!("{} {}", lang.text("Most frequent error:", "Erro mais frequente:"), lang.reason(error))
            }
        }
    }
}

fn behind_text(lang: Lang, behind: u64) -> String {
    let unit = match behind {
        0 => return String::new(),
        1 => lang.text("message behind", "mensagem pendente"),
        _ => lang.text("messages behind", "mensagens pendentes"),
    };
    format!(", {} {unit}", lang.number(behind))
}

/// `, since 11:38 UTC (12 min)`, with the date if it was another day.
fn since_text(lang: Lang, since: i64, now: i64) -> String {
    let time = saga::Timestamp(since).to_string();
    let today = saga::Timestamp(now).to_string();
    let is_today = time.get(..10) == today.get(..10);
    let shown = if is_today { time.get(11..16) } else { time.get(..16) };
    let shown = shown.unwrap_or(&time).replace('T', " ");
    let span = lang.span(now.saturating_sub(since).max(0).unsigned_abs());
    format!(", {} {shown} UTC ({span})", lang.text("since", "desde"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_names_the_service_the_messages_and_the_time() {
        let since = 1_700_048_280_000;
        let cause = Cause::NoInstance { group: "payment-service".to_owned(), behind: 155, since: Some(since) };
        let english = Lang::En.cause(&cause, since + 12 * 60_000);
        assert_eq!(english, "payment-service has no instance, 155 messages behind, since 11:38 UTC (12 min)");
        let portuguese = Lang::Pt.cause(&cause, since + 26 * 3_600_000);
        assert_eq!(
            portuguese,
            "payment-service não tem nenhuma instância, 155 mensagens pendentes, desde 2023-11-15 11:38 UTC (1 d 2 h)"
        );
        let cause = Cause::NoInstance { group: "payment-service".to_owned(), behind: 0, since: None };
        assert_eq!(Lang::En.cause(&cause, since), "payment-service has no instance");
        let cause = Cause::CircuitOpen {
            instance: "payments:8082".to_owned(),
            name: "provider stripe".to_owned(),
            trying: false,
            since: Some(since),
            error: Some("HTTP 503".to_owned()),
        };
        assert_eq!(
            Lang::En.cause(&cause, since + 60_000),
            "provider stripe (payments:8082): the circuit breaker is open: no calls are made, since 11:38 UTC (1 min); \
             HTTP 503"
        );
        assert!(Lang::Pt.cause(&cause, since).contains("o disjuntor está aberto"));
        let cause = Cause::Error { error: "not answered in time".to_owned() };
        assert_eq!(Lang::Pt.cause(&cause, since), "Erro mais frequente: sem resposta dentro do prazo");
    }
}
