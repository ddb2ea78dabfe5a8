//! The names of the events in a saga's history.

use saga::What;

use super::Lang;

/// The name of an event.
pub const fn event_label(what: What, lang: Lang) -> &'static str {
    match what {
        What::Started => lang.text("saga started", "saga iniciada"),
        What::Sent => lang.text("command sent / waiting for event", "comando enviado / aguardando evento"),
        What::Done => lang.text("done", "concluído"),
        What::Refused => lang.text("refused", "recusado"),
        What::Failed => lang.text("attempt failed", "tentativa falhou"),
        What::TimedOut => lang.text("attempt timed out", "tempo da tentativa esgotado"),
        What::Abandoned => lang.text("abandoned", "abandonado"),
        What::Skipped => lang.text("skipped", "ignorado"),
        What::CompensationStarted => lang.text("compensation started", "compensação iniciada"),
        What::CompensationSent => lang.text("compensation sent", "compensação enviada"),
        What::Compensated => lang.text("compensated", "compensado"),
        What::CompensationFailed => lang.text("compensation failed", "compensação falhou"),
        What::CompensationTimedOut => lang.text("compensation timed out", "tempo da compensação esgotado"),
        What::CompensationRefused => lang.text("compensation refused", "compensação recusada"),
        What::Incident => lang.text("incident opened", "incidente aberto"),
        What::Resumed => lang.text("continued", "continuou"),
        What::CallbackStored => lang.text("early callback stored", "retorno antecipado armazenado"),
        What::Happened => lang.text("late success", "sucesso tardio"),
        What::OperatorAction => lang.text("operator action", "ação do operador"),
        What::OperatorRefused => lang.text("operator action refused", "ação do operador recusada"),
        What::Ignored => lang.text("ignored", "ignorado"),
        What::Ended => lang.text("saga ended", "saga encerrada"),
    }
}
