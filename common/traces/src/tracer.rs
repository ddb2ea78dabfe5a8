//! The handle by which spans reach the exporter, and the decision which traces are sampled.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::sync::mpsc;
use uuid::Uuid;
use vocabulary::messages::{SpanId, TraceContext};

use crate::span::Span;

/// The most spans that wait for the exporter; further ones are dropped and counted.
pub const QUEUE: usize = 8_192;

type Label = [(&'static str, String); 1];

/// Takes spans, unless traces are off. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    queue: mpsc::Sender<Span>,
    /// Traces that begin here are sampled if the random part of their id is less than this.
    threshold: u64,
    spans: Family<Label, Counter>,
}

impl Tracer {
    /// Takes no spans.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Takes spans, for the exporter at the other end. Of the traces that begin here, the share `sample` (0 to 1) is
    /// sampled.
    pub fn new(sample: f64) -> (Self, mpsc::Receiver<Span>) {
        let (queue, spans) = mpsc::channel(QUEUE);
        // A cast of a float saturates.
        let threshold = (sample * u64::MAX as f64) as u64;
        (Self(Some(Arc::new(Inner { queue, threshold, spans: Family::default() }))), spans)
    }

    /// Returns true if spans are taken.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The context of a message, if spans are taken and its trace is sampled.
    pub fn sampled(&self, traceparent: Option<&str>) -> Option<TraceContext> {
        self.0.as_ref()?;
        traceparent.and_then(TraceContext::sampled)
    }

    /// The context of a span for a request: in the caller's trace, sampled as there, or the first of a new trace.
    /// `None` if spans are not taken.
    pub fn begin(&self, caller: Option<TraceContext>) -> Option<TraceContext> {
        let inner = self.0.as_ref()?;
        let (span, _) = Uuid::new_v4().as_u64_pair();
        let span = SpanId(span.max(1));
        Some(caller.map_or_else(|| inner.first(span), |caller| TraceContext { span, ..caller }))
    }

    /// Gives a span to the exporter. If it is too far behind, the span is dropped.
    pub fn record(&self, span: Span) {
        if let Some(inner) = &self.0
            && inner.queue.try_send(span).is_err()
        {
            self.count("dropped", 1);
        }
    }

    /// Counts spans by what became of them: `exported`, `dropped` or `failed`.
    pub fn count(&self, result: &str, spans: usize) {
        if let Some(inner) = &self.0 {
            inner.spans.get_or_create(&[("result", result.to_owned())]).inc_by(spans as u64);
        }
    }

    /// Registers the metrics, if spans are taken.
    pub fn register(&self, registry: &mut Registry) {
        let Some(inner) = &self.0 else { return };
        for result in ["exported", "dropped", "failed"] {
            self.count(result, 0);
        }
        let help = "Spans that were exported, dropped because too many waited, or refused by the collector";
        registry.register("traces_spans", help, inner.spans.clone());
    }
}

impl Inner {
    fn first(&self, span: SpanId) -> TraceContext {
        let id = Uuid::new_v4();
        let trace = id.as_u128();
        // All of a UUID's last 56 bits are random, as the ids of traces have them (W3C Trace Context, level 2).
        let (_, lower) = id.as_u64_pair();
        let is_sampled = self.threshold == u64::MAX || lower << 8 < self.threshold;
        TraceContext { trace, span, is_sampled }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::span::Kind;

    fn span(id: u64) -> Span {
        let context = TraceContext { trace: 1, span: SpanId(1), is_sampled: true };
        Span::below(context, SpanId(id), Kind::Client, "call", SystemTime::now())
    }

    #[test]
    fn without_an_exporter_nothing_is_sampled_or_kept() {
        let tracer = Tracer::off();
        let sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!((tracer.sampled(Some(sampled)), tracer.begin(TraceContext::parse(sampled))), (None, None));
        tracer.record(span(1));
    }

    #[test]
    fn a_share_of_the_new_traces_is_sampled_and_the_callers_decision_is_kept() {
        for (sample, least, most) in [(0.0, 0, 0), (0.25, 800, 1_200), (1.0, 4_000, 4_000)] {
            let (tracer, _spans) = Tracer::new(sample);
            let of = |_: &u32| tracer.begin(None).is_some_and(|context| context.is_sampled);
            let count = (0..4_000).filter(of).count();
            assert!((least..=most).contains(&count), "{count} of 4000 with {sample}");
            for is_sampled in [true, false] {
                let caller = TraceContext { trace: 7, span: SpanId(8), is_sampled };
                let own = tracer.begin(Some(caller)).unwrap();
                assert_eq!((own.trace, own.is_sampled), (7, is_sampled));
                assert_ne!(own.span, caller.span);
            }
        }
    }

    #[test]
    fn spans_beyond_the_queue_are_dropped_and_counted() {
        let (tracer, mut spans) = Tracer::new(1.0);
        for id in 1..=QUEUE as u64 + 3 {
            tracer.record(span(id));
        }
        assert_eq!(spans.len(), QUEUE);
        assert_eq!(spans.try_recv().unwrap().id, SpanId(1), "the first is kept");
        let mut registry = Registry::default();
        tracer.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("traces_spans_total{result=\"dropped\"} 3\n"), "{text}");
        assert!(text.contains("traces_spans_total{result=\"exported\"} 0\n"), "{text}");
    }
}
