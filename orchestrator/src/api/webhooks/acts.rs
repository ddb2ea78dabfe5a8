//! Operators' acts on subscriptions: sent as commands, and answered when all partitions have applied them.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::HeaderMap;
use common::http::{Problem, trace_of};
use common::ids;
use common::service::TopicError;
use common::time::Timestamp;
use rusqlite::Connection;
use serde::Serialize;
use uuid::Uuid;

use super::representation::WebhookSummary;
use crate::api::actions::{check_why, request_id};
use crate::api::state::Api;
use crate::entity::webhooks::WEBHOOKS;
use crate::entity::webhooks::pattern::EventPattern;
use crate::entity::webhooks::subscription::{SigningSecret, Subscription};
use crate::error::ApiError;
use crate::messages::webhooks::{
    ChangeWebhook, Operator, ReplayWebhook, TestWebhook, WEBHOOK_CHANGE, WEBHOOK_REPLAY, WEBHOOK_TEST, WebhookChange,
};
use crate::rules::webhooks::TOPICS;
use crate::rules::webhooks::configure::FIRST;
use crate::rules::webhooks::receive::test_id;
use crate::sessions::Identity;
use crate::view::webhooks as view;

/// The bytes of a new key.
const KEY_BYTES: usize = 32;

/// A subscription to be created.
pub(crate) struct NewWebhook {
    pub(crate) url: String,
    pub(crate) description: String,
    pub(crate) events: Vec<String>,
    /// The secret; `None` for a new one.
    pub(crate) secret: Option<String>,
}

/// Who acts, and why.
pub(crate) struct WebhookAct<'r> {
    pub(crate) identity: &'r Identity,
    pub(crate) why: String,
    pub(crate) headers: &'r HeaderMap,
}

impl WebhookAct<'_> {
    fn operator(&self) -> Result<Operator, ApiError> {
        let why = check_why(self.why.clone())?;
        Ok(Operator { by: self.identity.name.clone(), why, from: self.identity.from() })
    }

    /// The id of the act on a subscription: a repeated request is the same message.
    fn message_id(&self, kind: &str, id: &str) -> Result<String, Problem> {
        Ok(ids::derive(&[kind, id, &request_id(self.headers)?]).to_string())
    }
}

impl Api {
    /// Creates a subscription. Returns its secret, unless the request is repeated.
    pub(crate) async fn create_webhook(
        &self,
        new: NewWebhook,
        act: &WebhookAct<'_>,
    ) -> Result<(WebhookSummary, Option<SigningSecret>), ApiError> {
        let NewWebhook { url, description, events, secret } = new;
        self.check_webhook(Some(&url), Some(&description), Some(&events))?;
        let secret = secret_of(secret)?;
        act.operator()?;
        let request = request_id(act.headers)?;
        let id = ids::derive(&["webhook", &act.identity.name, &request]).to_string();
        if let Ok(known) = self.webhook(&id).await {
            return Ok((known, None));
        }
        self.check_events_enabled()?;
        let most = self.context.settings.webhooks.subscriptions;
        if self.webhooks().await?.len() >= most {
            return Err(ApiError::conflict(
                format!("There are {most} webhooks (webhooks.subscriptions): delete one first."),
                format!("Há {most} webhooks (webhooks.subscriptions): exclua um antes."),
            ));
        }
        let topics: BTreeSet<String> = TOPICS.map(str::to_owned).into();
        self.context.topics.add(topics, BTreeSet::new()).await.map_err(unusable)?;
        let change = WebhookChange::Create { url, description, events, secret: secret.clone() };
        let message = ids::derive(&[WEBHOOK_CHANGE, "create", &id]).to_string();
        self.send_change(&id, change, act, &message).await?;
        Ok((self.webhook(&id).await?, Some(secret)))
    }

    /// Changes a subscription.
    pub(crate) async fn change_webhook(
        &self,
        id: &str,
        change: WebhookChange,
        act: &WebhookAct<'_>,
    ) -> Result<WebhookSummary, ApiError> {
        self.webhook(id).await?;
        let message = act.message_id(&format!("{WEBHOOK_CHANGE}/{}", change.as_str()), id)?;
        self.send_change(id, change, act, &message).await?;
        self.webhook(id).await
    }

    /// Signs with another secret. Returns it.
    pub(crate) async fn rotate_secret(
        &self,
        id: &str,
        secret: Option<String>,
        act: &WebhookAct<'_>,
    ) -> Result<(WebhookSummary, SigningSecret), ApiError> {
        let secret = secret_of(secret)?;
        let webhook = self.change_webhook(id, WebhookChange::Rotate { secret: secret.clone() }, act).await?;
        Ok((webhook, secret))
    }

    /// Removes a subscription.
    pub(crate) async fn delete_webhook(&self, id: &str, act: &WebhookAct<'_>) -> Result<(), ApiError> {
        self.webhook(id).await?;
        let message = act.message_id(&format!("{WEBHOOK_CHANGE}/delete"), id)?;
        self.send_change(id, WebhookChange::Delete, act, &message).await
    }

    /// Sends deliveries again that were given up. Returns how many were kept.
    pub(crate) async fn replay_webhook(
        &self,
        id: &str,
        since: Option<Timestamp>,
        act: &WebhookAct<'_>,
    ) -> Result<u64, ApiError> {
        let webhook = self.enabled(id).await?;
        let request = ReplayWebhook { operator: act.operator()?, webhook: id.to_owned(), since };
        let message = act.message_id(WEBHOOK_REPLAY, id)?;
        for partition in 0..self.context.partitions {
            let message = ids::derive(&[&message, &partition.to_string()]);
            self.send_to(partition, id, WEBHOOK_REPLAY, message, &request, &trace_of(act.headers)).await?;
        }
        Ok(webhook.undelivered)
    }

    /// Sends an event that tries a subscription. Returns its id.
    pub(crate) async fn test_webhook(&self, id: &str, act: &WebhookAct<'_>) -> Result<String, ApiError> {
        self.enabled(id).await?;
        let request = TestWebhook { operator: act.operator()?, webhook: id.to_owned() };
        let message = act.message_id(WEBHOOK_TEST, id)?;
        self.send_as(WEBHOOK_TEST, id, &message, &request, act).await?;
        Ok(test_id(&message))
    }

    async fn enabled(&self, id: &str) -> Result<WebhookSummary, ApiError> {
        let webhook = self.webhook(id).await?;
        if webhook.disabled.is_some() {
            return Err(ApiError::conflict(
                "The webhook is disabled: enable it first.",
                "O webhook está desativado: ative-o antes.",
            ));
        }
        Ok(webhook)
    }

    /// Checks the values of a subscription.
    pub(crate) fn check_webhook(
        &self,
        url: Option<&str>,
        description: Option<&str>,
        events: Option<&[String]>,
    ) -> Result<(), ApiError> {
        let mut errors: Vec<(String, String)> = Vec::new();
        let too_long = |bytes: usize, most: usize| (bytes > most).then(|| format!("must have at most {most} bytes"));
        if let Some(url) = url {
            let wrong = too_long(url.len(), Subscription::URL_BYTES);
            let wrong = wrong.or_else(|| self.context.settings.webhooks.allowed().url(url).err());
            errors.extend(wrong.map(|why| ("/url".to_owned(), why)));
        }
        if let Some(description) = description {
            let wrong = too_long(description.len(), Subscription::DESCRIPTION_BYTES);
            let has_control = description.chars().any(char::is_control);
            let wrong = wrong.or_else(|| has_control.then(|| "must not contain control characters".to_owned()));
            errors.extend(wrong.map(|why| ("/description".to_owned(), why)));
        }
        if let Some(events) = events {
            let most = Subscription::MOST_PATTERNS;
            if events.is_empty() || events.len() > most {
                errors.push(("/events".to_owned(), format!("must have 1 to {most} types")));
            }
            for (position, event) in events.iter().take(most).enumerate() {
                let wrong = EventPattern::parse(event).err();
                errors.extend(wrong.map(|why| (format!("/events/{position}"), why)));
            }
        }
        if errors.is_empty() {
            return Ok(());
        }
        let problem = ApiError::unprocessable("The webhook is invalid: see errors.", "O webhook é inválido.");
        Err(errors.into_iter().fold(problem, |problem, (pointer, why)| problem.at(&pointer, why)))
    }

    fn check_events_enabled(&self) -> Result<(), ApiError> {
        if self.context.settings.events.enabled {
            return Ok(());
        }
        Err(ApiError::conflict(
            "Events are off (events.enabled = false), so there is nothing to deliver: set it to true in all services.",
            "Os eventos estão desligados (events.enabled = false): ligue-os em todos os serviços.",
        ))
    }

    async fn send_as<T: Serialize>(
        &self,
        kind: &str,
        id: &str,
        message: &str,
        content: &T,
        act: &WebhookAct<'_>,
    ) -> Result<(), ApiError> {
        let message = Uuid::parse_str(message).map_err(Problem::internal)?;
        Ok(self.send_to(FIRST, id, kind, message, content, &trace_of(act.headers)).await?)
    }

    /// Sends a change to partition 0, and waits until all partitions have applied it.
    async fn send_change(
        &self,
        id: &str,
        change: WebhookChange,
        act: &WebhookAct<'_>,
        message: &str,
    ) -> Result<(), ApiError> {
        let name = change.as_str();
        let content = ChangeWebhook { operator: act.operator()?, webhook: id.to_owned(), change };
        self.send_as(WEBHOOK_CHANGE, id, message, &content, act).await?;
        let request = message.to_owned();
        let decided = move |connection: &Connection| view::decided(connection, &request);
        let decided =
            self.context.view.until(WEBHOOKS, self.context.effect_timeout, decided).await.map_err(Problem::from)?;
        let decided = decided.ok_or_else(|| unknown_result(self.context.effect_timeout))?;
        if let Some(why) = decided.refused {
            return Err(ApiError::conflict(
                format!("{name} is not possible: {why}."),
                format!("Não foi possível ({name}): {why}."),
            ));
        }
        self.until_everywhere(id).await
    }

    /// Waits until all partitions have the newest state of a subscription.
    async fn until_everywhere(&self, id: &str) -> Result<(), ApiError> {
        let id = id.to_owned();
        let partitions = usize::try_from(self.context.partitions).unwrap_or(1);
        let applied = move |connection: &Connection| {
            let parts = view::webhook(connection, &id)?;
            let newest = parts.iter().map(|part| part.subscription.revision).max();
            let behind = parts.iter().any(|part| Some(part.subscription.revision) != newest);
            let is_deleted = parts.iter().all(|part| part.subscription.is_deleted());
            Ok((!behind && (is_deleted || parts.len() == partitions)).then_some(()))
        };
        let found =
            self.context.view.until(WEBHOOKS, self.context.effect_timeout, applied).await.map_err(Problem::from)?;
        found.ok_or_else(|| unknown_result(self.context.effect_timeout))
    }
}

fn secret_of(given: Option<String>) -> Result<SigningSecret, ApiError> {
    let Some(text) = given.filter(|text| !text.is_empty()) else { return new_secret() };
    SigningSecret::parse(&text).map_err(|why| {
        ApiError::unprocessable("The secret is invalid: see errors.", "O segredo é inválido.").at("/secret", why)
    })
}

/// A secret of random bytes.
fn new_secret() -> Result<SigningSecret, ApiError> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(Problem::internal)?;
    Ok(SigningSecret::of(&key))
}

fn unusable(error: TopicError) -> ApiError {
    match error {
        TopicError::Unusable(reason) => ApiError::conflict(
            format!("The topics of events can't be read: {reason}."),
            format!("Os tópicos de eventos não podem ser lidos: {reason}."),
        ),
        TopicError::Unavailable(reason) => ApiError::unavailable(
            format!("The topics of events can't be checked: {reason}."),
            format!("Os tópicos de eventos não podem ser verificados: {reason}."),
        ),
    }
}

fn unknown_result(waited: Duration) -> ApiError {
    let waited = waited.as_secs_f64();
    ApiError::unavailable(
        format!("Not every partition has applied the change after {waited} s. Check the webhook, or try again."),
        format!("Nem todas as partições aplicaram a mudança em {waited} s. Verifique o webhook ou tente de novo."),
    )
}
