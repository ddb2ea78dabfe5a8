//! The metrics of an instance, for `GET /metrics`. A scrape reads counters in memory only.

use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};
use vocabulary::time::Timestamp;

use super::status::Status;

/// The states of a partition, each of which has a value even if no partition is in it.
const STATES: [&str; 4] = ["claiming", "elsewhere", "owned", "stepped_down"];

type Label = [(&'static str, String); 1];

impl Status {
    /// Registers the metrics with their present values.
    pub fn register_metrics(&self, registry: &mut Registry) {
        let journal = registry.sub_registry_with_prefix("journal");
        self.register_decisions(journal);
        let partitions = Family::<Label, Gauge>::default();
        for state in STATES {
            partitions.get_or_create(&[("state", state.to_owned())]).set(0);
        }
        for state in self.partitions().values() {
            partitions.get_or_create(&[("state", state.replace(' ', "_"))]).inc();
        }
        let help = "Partitions of the journal by their state in this instance";
        journal.register("partitions", help, partitions);
        let undelivered = ConstGauge::new(i64::try_from(self.back_pressure.undelivered()).unwrap_or(i64::MAX));
        journal.register("undelivered_messages", "Decided messages that Kafka has not acknowledged", undelivered);
        let blocked = ConstGauge::new(i64::try_from(self.back_pressure.blocked()).unwrap_or(i64::MAX));
        let help = "Partitions that decide nothing because too many messages are undelivered";
        journal.register("blocked_partitions", help, blocked);
        let lag = Family::<Label, Gauge>::default();
        for (topic, messages) in self.metrics.lag.by_topic() {
            lag.get_or_create(&[("topic", topic)]).set(messages);
        }
        let help = "Messages on the inputs of the owned partitions that wait for a decision, a few seconds ago";
        journal.register("input_lag_messages", help, lag);
        let running = ConstGauge::new(i64::try_from(self.metrics.running_side_effects()).unwrap_or(i64::MAX));
        journal.register("side_effects_running", "Calls to external systems that are being made", running);
        let lag = ConstGauge::new(self.view_lag().as_secs_f64());
        journal.register_with_unit("view_lag", "How far the view is behind the records read", Unit::Seconds, lag);
        let age = ConstGauge::new(self.data_age().as_secs_f64());
        let help = "How old the data of the view may be: its lag, or the time since the last contact with Kafka";
        journal.register_with_unit("data_age", help, Unit::Seconds, age);
    }

    fn register_decisions(&self, journal: &mut Registry) {
        let metrics = &self.metrics;
        let decisions = Family::<Label, Counter>::default();
        for (trigger, count) in [("message", &metrics.messages), ("timer", &metrics.timers)] {
            decisions.get_or_create(&[("trigger", trigger.to_owned())]).inc_by(count.get());
        }
        journal.register("decisions", "Decided messages and timers", decisions);
        let help = "Messages and timers that were decided together, in one record";
        journal.register("batch_decisions", help, metrics.batches.clone());
        let help = "Time from the append of a record until it is known to be valid";
        journal.register_with_unit("read_back_duration", help, Unit::Seconds, metrics.read_back.clone());
        let set_aside = ConstCounter::new(self.messages_set_aside());
        let help = "Messages that could not be processed and were set aside as dead letters";
        journal.register("messages_set_aside", help, set_aside);
        let held = ConstCounter::new(self.timers_held());
        journal.register("timers_held", "Timers that are no longer decided until a restart", held);
        let late = ConstGauge::new(metrics.earliest_timers.late(Timestamp::now()).as_secs_f64());
        let help = "How long the earliest undecided timer of the owned partitions is overdue";
        journal.register_with_unit("timers_late", help, Unit::Seconds, late);
    }
}
