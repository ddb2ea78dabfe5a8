//! The payment provider: the simulated one of the payment service, which here also keeps books, fails, and loses
//! answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::ids::OrderId;
use common::money::Amount;
use payment_service::provider::{Accepted, Charge, PaymentProvider, ProviderError, Refund, Simulated, Standing};

/// What the provider's books hold.
pub struct Book {
    dice: fastrand::Rng,
    /// Of a hundred calls so many fail.
    pub failing: u32,
    /// The payments that it was asked to take, by id.
    pub charges: BTreeMap<String, Charge>,
    /// The refunds that it made, by order.
    pub refunds: BTreeMap<OrderId, BTreeSet<String>>,
    /// Whether any call failed.
    pub failed: bool,
    /// What a provider would complain of.
    pub wrong: Vec<String>,
}

/// The provider, as the instances of the payment service reach it.
#[derive(Clone)]
pub struct Bank {
    simulated: Arc<Simulated>,
    pub book: Arc<Mutex<Book>>,
}

impl Bank {
    pub fn new(dice: fastrand::Rng, failing: u32, delay: Duration) -> Self {
        let (charges, refunds, wrong) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let book = Arc::new(Mutex::new(Book { dice, failing, charges, refunds, failed: false, wrong }));
        Self { simulated: Arc::new(Simulated::new(delay, 0.0)), book }
    }
}

impl Book {
    /// A call that fails: whether before or after it was carried out, nobody can say.
    fn fails(&mut self) -> Option<bool> {
        let fails = self.dice.u32(0..100) < self.failing;
        self.failed |= fails;
        fails.then(|| self.dice.bool())
    }

    /// Whether a payment is approved in the end, asked for or not.
    pub fn takes(&self, charge: &Charge) -> bool {
        !matches!(charge.amount.0 % 100, 13 | 44)
    }

    fn charge(&mut self, charge: &Charge) {
        let same = |known: &Charge| {
            known.order == charge.order && known.amount == charge.amount && known.currency == charge.currency
        };
        let known = self.charges.entry(charge.payment_id.clone()).or_insert_with(|| charge.clone());
        if !same(known) {
            self.wrong.push(format!("the provider knows {known:?} and is asked for {charge:?}"));
        }
    }
}

fn no_answer() -> ProviderError {
    ProviderError::Failed("no answer (simulated)".to_owned())
}

impl PaymentProvider for Bank {
    async fn request(&self, charge: &Charge) -> Result<Accepted, ProviderError> {
        let accepted = self.simulated.request(charge).await?;
        let mut book = self.book.lock().unwrap();
        let fails = book.fails();
        if fails != Some(false) {
            book.charge(charge);
        }
        fails.map_or(Ok(accepted), |_| Err(no_answer()))
    }

    async fn result(&self, charge: &Charge) -> Result<Standing, ProviderError> {
        let standing = self.simulated.result(charge).await?;
        self.book.lock().unwrap().fails().map_or(Ok(standing), |_| Err(no_answer()))
    }

    async fn capture(&self, charge: &Charge, amount: Amount) -> Result<(), ProviderError> {
        self.simulated.capture(charge, amount).await
    }

    async fn cancel(&self, charge: &Charge) -> Result<Standing, ProviderError> {
        let standing = self.simulated.cancel(charge).await?;
        self.book.lock().unwrap().fails().map_or(Ok(standing), |_| Err(no_answer()))
    }

    async fn refund(&self, refund: &Refund) -> Result<(), ProviderError> {
        self.simulated.refund(refund).await?;
        let mut book = self.book.lock().unwrap();
        let fails = book.fails();
        if fails != Some(false) {
            book.refunds.entry(refund.order).or_default().insert(refund.refund_id.clone());
        }
        fails.map_or(Ok(()), |_| Err(no_answer()))
    }
}
