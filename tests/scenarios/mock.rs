//! stripe-mock, which Stripe makes: it holds every request against the description of Stripe's API. Its answers are
//! always the same examples, so what is looked at is that it takes what the client asks.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use common::money::Amount;
use payment_service::provider::settings::StripeSettings;
use payment_service::provider::stripe::Stripe;
use payment_service::provider::{Capture, Charge, PaymentProvider as _, ProviderError, ProviderKind, Refund, Standing};
use tests::machine;
use tests::process::Group;
use tests::wait::{SOON, until};

/// The program, where there is one: `./dev test` says where, and builds it if it can.
pub(crate) fn program() -> Option<PathBuf> {
    std::env::var_os("STRIPE_MOCK").map(PathBuf::from).filter(|path| path.is_file())
}

/// Every request that the client makes is one of Stripe's API.
pub(crate) async fn every_request_is_one_of_stripes_api() -> Result<()> {
    let (program, port) = (program().context("STRIPE_MOCK is no program")?, machine::free_ports(1)?);
    let mut command = Command::new(program);
    command.args(["-http-port", &port.to_string()]).stdin(Stdio::null());
    let directory = tests::files::target()?.join("test-clusters/stripe-mock");
    tests::files::empty(&directory)?;
    let _mock = Group::start(&mut command, &directory.join("log"))?;
    let base_url = format!("http://127.0.0.1:{port}");
    let (client, url) = (tests::http::client().build()?, format!("{base_url}/v1/payment_intents"));
    let asks = || async { Ok(client.get(&url).bearer_auth("sk_test_123").send().await.ok()) };
    ensure!(until("stripe-mock to answer", SOON, asks).await?.status().is_success(), "it lists intents");
    let wrong = client.post(&url).bearer_auth("sk_test_123").form(&[("amount", "1"), ("no_such", "x")]).send().await?;
    ensure!(wrong.status().is_client_error(), "it does look at what it is asked");

    let stripe = Stripe::new(&StripeSettings {
        base_url,
        api_key: "sk_test_123".into(),
        webhook_secret: "".into(),
        webhook_tolerance: SOON,
        payment_method: "pm_card_visa".to_owned(),
    })?;
    let mut charge = charge()?;
    for capture in [Capture::Automatic, Capture::Manual] {
        charge = Charge { capture, reference: None, ..charge };
        charge.reference = stripe.request(&charge).await?.reference;
        ensure!(charge.reference.as_deref().is_some_and(|id| id.starts_with("pi_")), "{charge:?}");
    }
    // The example is one that was declined, and stays so whatever is done.
    for standing in
        [stripe.result(&charge).await, stripe.confirm(&charge, "pm_card_visa").await, stripe.cancel(&charge).await]
    {
        ensure!(matches!(&standing, Ok(Standing::Declined(_))), "{standing:?}");
    }
    let captured = stripe.capture(&charge, Amount(800)).await;
    ensure!(
        matches!(&captured, Err(ProviderError::Refused(why)) if why.contains("requires_payment_method")),
        "{captured:?}"
    );
    for amount in [Some(Amount(300)), None] {
        let Charge { order, payment_id, provider, reference, .. } = charge.clone();
        let refund_id = "the-refund".to_owned();
        stripe
            .refund(&Refund { order, payment_id, refund_id, provider, amount, reference, call: 1, trace: None })
            .await?;
    }
    Ok(())
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
        reference: None,
        call: 1,
        trace: None,
    })
}
