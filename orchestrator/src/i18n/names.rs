//! The statuses of sagas, steps and endings, the decisions of tasks, and the names of fields, as a person reads them.

use common::topics;

use super::Lang;

impl Lang {
    /// The name of a status of a saga, a step or an ending; unknown ones are returned as they are.
    pub fn status(self, status: &str) -> String {
        match self.known_status(status) {
            Some(known) => known.to_owned(),
            None => status.replace('_', " "),
        }
    }

    /// The name of a decision, as the form of a task offers it. The words of other topics than that of the decisions
    /// about cases have the meaning that their definition gives them.
    pub fn decision(self, topic: &str, word: &str) -> String {
        let known = if topic == topics::CASE_DECISIONS { self.case_decision(word) } else { None };
        known.map_or_else(|| self.status(word), str::to_owned)
    }

    fn known_status(self, status: &str) -> Option<&'static str> {
        Some(match status {
            "running" => self.text("running", "em andamento"),
            "compensating" => self.text("compensating", "compensando"),
            "completed" => self.text("completed", "concluída"),
            "compensated" => self.text("compensated", "compensada"),
            "incident" => self.text("incident", "incidente"),
            "paused" => self.text("paused", "pausada"),
            "retrying" => self.text("retrying", "em nova tentativa"),
            "open" => self.text("open", "em aberto"),
            "waiting" => self.text("not started", "não iniciado"),
            "done" => self.text("done", "concluído"),
            "refused" => self.text("refused", "recusado"),
            "failed" => self.text("failed", "falhou"),
            "timed_out" => self.text("timed out", "tempo esgotado"),
            "abandoned" => self.text("abandoned", "abandonado"),
            "stuck" => self.text("blocked", "bloqueado"),
            "skipped" => self.text("skipped", "ignorado"),
            "confirmed" => self.text("confirmed", "confirmado"),
            "rejected" => self.text("rejected", "rejeitado"),
            "payment_not_completed" => self.text("not paid", "não pago"),
            "cancelled" => self.text("cancelled", "cancelado"),
            "returned" => self.text("returned", "devolvido"),
            "resolved" => self.text("resolved", "resolvido"),
            "not_resolved" => self.text("not resolved", "não resolvido"),
            "not_decided" => self.text("not decided", "não decidido"),
            "settled" => self.text("settled elsewhere", "resolvido de outra forma"),
            "answered" => self.text("answered", "respondida"),
            "approved" => self.text("approved", "aprovado"),
            "declined" => self.text("declined", "recusado"),
            "authorized" => self.text("authorized", "autorizado"),
            "received" => self.text("received", "recebida"),
            "inquiry" => self.text("inquiry", "consulta do banco"),
            "lost" => self.text("lost", "extraviada"),
            "returned_to_sender" => self.text("returned to sender", "devolvida ao remetente"),
            _ => return None,
        })
    }

    /// The decisions about parcels, refunds and disputes.
    fn case_decision(self, word: &str) -> Option<&'static str> {
        Some(match word {
            "resend" => self.text("send another parcel", "enviar outra encomenda"),
            "refund" => self.text("refund the order", "reembolsar o pedido"),
            "close" => self.text("close the shipment", "encerrar o envio"),
            "retry" => self.text("make the refund again", "fazer o reembolso de novo"),
            "dismiss" => self.text("dismiss: settled otherwise", "dispensar: resolvido de outra forma"),
            "contest" => self.text("contest: evidence was sent", "contestar: as provas foram enviadas"),
            "accept" => self.text("accept the claim", "aceitar a reclamação"),
            _ => return None,
        })
    }

    /// The name of a field of a form or of a saga's data; unknown ones are returned as they are.
    pub fn field(self, name: &str) -> String {
        let known = match name {
            "status" => "Status",
            "reason" => self.text("Reason", "Motivo"),
            "reference" => self.text("Reference", "Referência"),
            "refused" => self.text("Decision before, not carried out", "Decisão anterior, não executada"),
            "number" => self.text("Number", "Número"),
            "why" => self.text("Why", "Por quê"),
            "amountMinor" => self.text("Amount", "Valor"),
            "refundMinor" => self.text("Refund", "Reembolso"),
            "at" => self.text("Time", "Momento"),
            "answerBy" => self.text("Answer by", "Responder até"),
            "createdAt" => self.text("Placed at", "Feito em"),
            "requestedAt" => self.text("Requested at", "Solicitada em"),
            "shipped" => self.text("Shipped", "Enviado"),
            "priceCheck" => self.text("Price check", "Verificação de preços"),
            "currency" => self.text("Currency", "Moeda"),
            "language" => self.text("Language", "Idioma"),
            "provider" => self.text("Provider", "Provedor"),
            "carrier" => self.text("Carrier", "Transportadora"),
            "trackingNumber" => self.text("Tracking number", "Código de rastreamento"),
            "warehouse" => self.text("Warehouse", "Depósito"),
            "caseId" => self.text("Case", "Caso"),
            "orderId" => self.text("Order", "Pedido"),
            "customerId" => self.text("Customer", "Cliente"),
            "paymentId" => self.text("Payment", "Pagamento"),
            "refundId" => self.text("Refund", "Reembolso"),
            "disputeId" => self.text("Dispute", "Contestação"),
            "shipmentId" => self.text("Shipment", "Envio"),
            "returnId" => self.text("Return", "Devolução"),
            other => other,
        };
        known.to_owned()
    }

    /// The name of the status of a step. In Portuguese, its gender differs from that of a saga's status.
    pub fn step_status(self, status: &str) -> String {
        match status {
            "compensated" => self.text("compensated", "compensado").to_owned(),
            "paused" => self.text("paused", "pausado").to_owned(),
            other => self.status(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use saga::Work;
    use serde_json::Value;

    use super::*;
    use crate::definitions::Definitions;

    /// The statuses of all endings.
    fn statuses(value: &Value, all: &mut Vec<String>) {
        all.extend(value["status"].as_str().map(str::to_owned));
        value.as_object().into_iter().flatten().for_each(|(_, inner)| statuses(inner, all));
    }

    #[test]
    fn the_words_of_the_built_in_definitions_are_in_portuguese() {
        let all = Definitions::load(Path::new("")).unwrap();
        let mut words = Vec::new();
        let mut fields = Vec::new();
        let mut decided = 0;
        for definition in all.all() {
            statuses(&serde_json::to_value(&definition.endings).unwrap(), &mut words);
            for step in &definition.steps {
                let (Work::Receive(receive), Some(human)) = (&step.work, &step.human) else { continue };
                let decisions = receive.yes.iter().chain(&receive.no);
                let english = |word: &&String| Lang::Pt.decision(&receive.topic, word) == **word;
                assert_eq!(decisions.clone().filter(english).collect::<Vec<_>>(), Vec::<&String>::new());
                decided += decisions.count();
                fields.extend(receive.form(human).into_iter().map(|field| field.path));
            }
        }
        assert!(words.len() > 15 && decided > 9 && fields.len() > 4, "{words:?} {fields:?}");
        let english = |word: &&String| Lang::Pt.status(word) == word.replace('_', " ");
        assert_eq!(words.iter().filter(english).collect::<Vec<_>>(), Vec::<&String>::new());
        assert!(fields.iter().all(|field| Lang::Pt.field(field) != **field), "{fields:?}");
    }

    #[test]
    fn the_words_of_other_definitions_keep_their_meaning() {
        for word in ["accept", "retry", "refund", "close"] {
            assert_eq!(Lang::En.decision("approvals", word), word);
            assert_eq!((Lang::En.status(word), Lang::Pt.status(word)), (word.to_owned(), word.to_owned()));
        }
    }
}
