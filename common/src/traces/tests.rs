//! Tests of the exporter, with a collector in memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use vocabulary::messages::{SpanId as Id, TraceContext};

use super::*;

/// Keeps the spans of each request, or refuses them.
#[derive(Clone, Debug, Default)]
struct Memory {
    batches: Arc<Mutex<Vec<Vec<SpanData>>>>,
    refuses: Arc<AtomicBool>,
}

impl opentelemetry_sdk::trace::SpanExporter for Memory {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(OTelSdkError::InternalFailure("no collector".to_owned()));
        }
        self.batches.lock().unwrap().push(batch);
        Ok(())
    }
}

fn span(id: u64) -> Span {
    let context = TraceContext { trace: 0x4bf9, span: Id(1), is_sampled: true };
    Span::below(context, Id(id), Kind::Client, "payment.request", SystemTime::now())
        .with("service.peer.name", "stripe")
        .with("messaging.kafka.offset", 7)
}

fn started(memory: &Memory) -> (Tracer, Exporting) {
    let (tracer, spans) = Tracer::new(1.0);
    let (stop, stopped) = oneshot::channel();
    let export = Export { exporter: memory.clone(), tracer: tracer.clone(), warned: None };
    let task = tokio::spawn(export.run(spans, stopped));
    (tracer, Exporting { stop, task })
}

fn counted(tracer: &Tracer) -> String {
    let mut registry = prometheus_client::registry::Registry::default();
    tracer.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text
}

#[tokio::test]
async fn the_shutdown_sends_all_that_waits_in_batches() {
    let memory = Memory::default();
    let (tracer, exporting) = started(&memory);
    for id in 1..=1_300 {
        tracer.record(span(id));
    }
    exporting.flush().await;
    let batches = memory.batches.lock().unwrap();
    assert!(batches.iter().all(|batch| batch.len() <= BATCH));
    let all: Vec<&SpanData> = batches.iter().flatten().collect();
    assert_eq!(all.len(), 1_300);
    let first = all[0];
    assert_eq!(first.span_context.trace_id(), TraceId::from(0x4bf9));
    assert_eq!((first.span_context.span_id(), first.parent_span_id), (SpanId::from(1), SpanId::from(1)));
    assert_eq!((first.name.as_ref(), &first.span_kind), ("payment.request", &SpanKind::Client));
    let attributes = [KeyValue::new("service.peer.name", "stripe"), KeyValue::new("messaging.kafka.offset", 7)];
    assert_eq!(first.attributes, attributes);
    assert!(counted(&tracer).contains("{result=\"exported\"} 1300\n"));
}

#[tokio::test]
async fn spans_that_the_collector_refuses_are_counted_and_not_sent_again() {
    let memory = Memory::default();
    memory.refuses.store(true, Ordering::SeqCst);
    let (tracer, exporting) = started(&memory);
    tracer.record(span(1));
    exporting.flush().await;
    let text = counted(&tracer);
    assert!(text.contains("{result=\"failed\"} 1\n") && text.contains("{result=\"exported\"} 0\n"), "{text}");
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_started() {
    let off = TraceSettings { endpoint: String::new(), sample: 1.0, secret_headers: "".into() };
    let (tracer, exporting) = start(&off, "tests").unwrap();
    assert!(!tracer.is_on() && exporting.is_none());
    let on = TraceSettings { endpoint: "http://127.0.0.1:9/".to_owned(), ..off };
    let (tracer, exporting) = start(&on, "tests").unwrap();
    assert!(tracer.is_on() && exporting.is_some());
}
