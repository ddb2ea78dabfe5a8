//! stripe-mock, made by Stripe, validates every request against the description of Stripe's API. It always returns the
//! same examples, so the test checks that it accepts the client's requests.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use common::money::Amount;
use payment_service::provider::call::{Capture, Charge, ProviderKind, Refund};
use payment_service::provider::port::{ChargeStatus, PaymentProvider as _, ProviderError};
use payment_service::provider::settings::StripeSettings;
use payment_service::provider::stripe::Stripe;
use tests::machine;
use tests::process::Group;
use tests::wait::{SOON, until};

/// The program, if there is one: `./dev test` builds it and names it in `STRIPE_MOCK`.
pub(crate) fn program() -> Option<PathBuf> {
    std::env::var_os("STRIPE_MOCK").map(PathBuf::from).filter(|path| path.is_file())
}

/// stripe-mock accepts every request of the client.
pub(crate) async fn every_request_is_one_of_stripes_api() -> Result<()> {
    let program = program().context("STRIPE_MOCK names no program")?;
    let port = machine::free_ports(1)?;
    let mut command = Command::new(program);
    command.args(["-http-port", &port.to_string()]).stdin(Stdio::null());
    let directory = tests::files::clusters()?.join("stripe-mock");
    tests::files::empty(&directory)?;
    let _mock = Group::start(&mut command, &directory.join("log"))?;
    let base_url = format!("http://127.0.0.1:{port}");
    let client = tests::http::client().build()?;
    let url = format!("{base_url}/v1/payment_intents");
    let list = || async { Ok(client.get(&url).bearer_auth("sk_test_123").send().await.ok()) };
    ensure!(until("stripe-mock to answer", SOON, list).await?.status().is_success(), "no list of intents");
    let wrong = client.post(&url).bearer_auth("sk_test_123").form(&[("amount", "1"), ("no_such", "x")]).send().await?;
    ensure!(wrong.status().is_client_error(), "an invalid request is accepted");

    let stripe = Stripe::new(&StripeSettings {
        base_url,
        api_key: "sk_test_123".into(),
        webhook_secret: "".into(),
        webhook_tolerance: SOON,
        payment_method: "pm_card_visa".to_owned(),
        return_url: String::new(),
    })?;
    let mut charge = charge()?;
    for capture in [Capture::Automatic, Capture::Manual] {
        charge = Charge { capture, reference: None, ..charge };
        charge.reference = stripe.request(&charge).await?.reference;
        ensure!(charge.reference.as_deref().is_some_and(|id| id.starts_with("pi_")), "{charge:?}");
    }
    // The example intent is declined, whatever the request.
    for standing in [
        stripe.result(&charge).await,
        stripe.confirm(&charge, &[("payment_method", "pm_card_visa")]).await,
        stripe.cancel(&charge).await,
    ] {
        ensure!(matches!(&standing, Ok(ChargeStatus::Declined(_))), "{standing:?}");
    }
    let captured = stripe.capture(&charge, Amount(800)).await;
    ensure!(
        matches!(&captured, Err(ProviderError::Refused(why)) if why.contains("requires_payment_method")),
        "{captured:?}"
    );
    for amount in [Some(Amount(300)), None] {
        stripe.refund(&refund_of(&charge, amount)).await?;
    }
    stripe.review(&charge).await?;
    Ok(())
}

fn refund_of(charge: &Charge, amount: Option<Amount>) -> Refund {
    let Charge { order, payment_id, provider, reference, currency, .. } = charge.clone();
    let refund_id = "the-refund".to_owned();
    Refund { order, payment_id, refund_id, provider, amount, currency, reference, call: 1, trace: None }
}

fn charge() -> Result<Charge> {
    Ok(Charge {
        order: "3852cb18-9c19-4326-ac77-a1a0264bd98c".parse()?,
        payment_id: "the-payment".to_owned(),
        provider: ProviderKind::Stripe,
        amount: Amount(1050),
        currency: "BRL".to_owned(),
        capture: Capture::Automatic,
        method: None,
        token: None,
        reference: None,
        call: 1,
        trace: None,
    })
}
