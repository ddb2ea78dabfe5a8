//! Sends spans to an OpenTelemetry collector: OTLP 1.x over HTTP with protobuf
//! (<https://opentelemetry.io/docs/specs/otlp/>).

use std::time::{Duration, Instant};

use anyhow::Context as _;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use runtime::worker::host_name;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use traces::{Kind, Span, Tracer, Value};
use web::settings::TraceSettings;

/// The most spans of one request.
const BATCH: usize = 512;
/// How long spans wait for others before they are sent.
const DELAY: Duration = Duration::from_secs(1);
/// How long a request may take, with its repetitions.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the shutdown waits for the last spans.
const FLUSH: Duration = Duration::from_secs(3);
/// The shortest time between two warnings.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// The exporter of a running service.
pub(crate) struct Exporting {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Starts the exporter, if traces are on. Returns the handle that takes spans.
///
/// # Errors
/// The exporter can't be built from the settings.
pub(crate) fn start(settings: &TraceSettings, service: &'static str) -> anyhow::Result<(Tracer, Option<Exporting>)> {
    if !settings.are_on() {
        return Ok((Tracer::off(), None));
    }
    let exporter = exporter(settings, service).context("traces.endpoint: the exporter can't be started")?;
    let (tracer, spans) = Tracer::new(settings.sample);
    let (stop, stopped) = oneshot::channel();
    let export = Export { exporter, tracer: tracer.clone(), warned: None };
    let task = tokio::spawn(export.run(spans, stopped));
    tracing::info!(endpoint = settings.endpoint, sample = settings.sample, "traces are sent");
    Ok((tracer, Some(Exporting { stop, task })))
}

impl Exporting {
    /// Sends what waits, for at most three seconds.
    pub(crate) async fn flush(self) {
        drop(self.stop);
        if tokio::time::timeout(FLUSH, self.task).await.is_err() {
            tracing::warn!("the last spans could not be sent within {} s", FLUSH.as_secs());
        }
    }
}

fn exporter(settings: &TraceSettings, service: &'static str) -> anyhow::Result<opentelemetry_otlp::SpanExporter> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build()?;
    let mut exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", settings.endpoint.trim_end_matches('/')))
        .with_headers(settings.headers().unwrap_or_default().into_iter().collect())
        .with_timeout(TIMEOUT)
        .build()?;
    let instance = format!("{}/{}", host_name(), std::process::id());
    let resource = Resource::builder_empty().with_attributes([
        KeyValue::new("service.name", service),
        KeyValue::new("service.namespace", "order-saga"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", instance),
    ]);
    exporter.set_resource(&resource.build());
    Ok(exporter)
}

/// Sends spans in batches until it is stopped.
struct Export<E> {
    exporter: E,
    tracer: Tracer,
    warned: Option<Instant>,
}

impl<E: opentelemetry_sdk::trace::SpanExporter> Export<E> {
    async fn run(mut self, mut spans: mpsc::Receiver<Span>, mut stopped: oneshot::Receiver<()>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                received = spans.recv_many(&mut batch, BATCH) => if received == 0 { break },
                _ = &mut stopped => break,
            }
            let deadline = tokio::time::sleep(DELAY);
            tokio::pin!(deadline);
            let mut is_stopped = false;
            while batch.len() < BATCH && !is_stopped {
                let room = BATCH - batch.len();
                tokio::select! {
                    received = spans.recv_many(&mut batch, room) => is_stopped = received == 0,
                    () = &mut deadline => break,
                    _ = &mut stopped => is_stopped = true,
                }
            }
            self.send(std::mem::take(&mut batch)).await;
            if is_stopped {
                break;
            }
        }
        while let Ok(span) = spans.try_recv() {
            batch.push(span);
            if batch.len() == BATCH {
                self.send(std::mem::take(&mut batch)).await;
            }
        }
        self.send(batch).await;
    }

    async fn send(&mut self, batch: Vec<Span>) {
        let count = batch.len();
        if count == 0 {
            return;
        }
        let scope = InstrumentationScope::builder("order-saga").build();
        let data = batch.into_iter().map(|span| span_data(span, &scope)).collect();
        match self.exporter.export(data).await {
            Ok(()) => self.tracer.count("exported", count),
            Err(error) => {
                self.tracer.count("failed", count);
                if self.warned.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
                    self.warned = Some(Instant::now());
                    tracing::warn!(spans = count, "spans can't be sent to traces.endpoint: {error}");
                }
            }
        }
    }
}

fn span_data(span: Span, scope: &InstrumentationScope) -> SpanData {
    let Span { trace, id, parent, kind, name, start, end, attributes, error } = span;
    let context =
        SpanContext::new(TraceId::from(trace), SpanId::from(id.0), TraceFlags::SAMPLED, false, TraceState::NONE);
    let attribute = |(name, value)| match value {
        Value::Text(text) => KeyValue::new(name, text),
        Value::Int(number) => KeyValue::new(name, number),
    };
    SpanData {
        span_context: context,
        parent_span_id: parent.map_or(SpanId::INVALID, |parent| SpanId::from(parent.0)),
        // Not known: the parent's id does not show its process.
        parent_span_is_remote: false,
        span_kind: match kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
            Kind::Producer => SpanKind::Producer,
            Kind::Consumer => SpanKind::Consumer,
            Kind::Internal => SpanKind::Internal,
        },
        name: name.into(),
        start_time: start,
        end_time: end,
        attributes: attributes.into_iter().map(attribute).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: error.map_or(Status::Unset, Status::error),
        instrumentation_scope: scope.clone(),
    }
}

#[cfg(test)]
mod tests;
