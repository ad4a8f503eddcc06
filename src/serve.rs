//! A server's life: start every part, print where it is, wait for a signal, stop in order.

use std::sync::Arc;

use anyhow::Context;
use chevet_clinic::Clinic;
use chevet_clinic::clients::frame_ancestors;
use chevet_config::{Config, Loaded};
use chevet_control::Control;
use chevet_control::serve::Server;
use chevet_sfu_io::Sfu;
use chevet_signalling::ServerFacts;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::outside::Outside;
use crate::{links, logging, pages, say, secrets, settings};

pub fn run(loaded: Loaded, demo: bool) -> anyhow::Result<()> {
    logging::start(&loaded.config.logging);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(&loaded.config, demo))
}

async fn serve(config: &Config, demo: bool) -> anyhow::Result<()> {
    let keys = secrets::keys(config)?;
    let listener = Server::bind(settings::listener(config)).await.context("server")?;
    let listening = *listener.addrs().first().context("no address to listen on")?;
    let base = links::base_url(config, listening);

    let (sfu, events) = Sfu::start(settings::sfu(config)).context("rtc")?;
    let media = Arc::new(sfu.clone());
    // The clinic's way to the control plane, and back.
    let (inside, inner) = match config.clinic.enabled {
        true => {
            let inner = Server::bind(settings::inner_listener(config)).await.context("inner listener")?;
            let address = inner.addrs().first().copied().context("no inner address")?;
            let inside =
                settings::Inside { url: format!("http://{address}"), secret: secrets::clinic(config)? };
            (Some(inside), Some(inner))
        }
        false => (None, None),
    };
    let control =
        Control::start(settings::control(config, &keys, base.clone(), inside.as_ref()), media, events)?;
    let facts = ServerFacts { node_id: chevet_control::sid::node(), development: config.dev };
    let mut doors = control.router().merge(chevet_signalling::router(control.clone(), facts));
    // Lives as long as the clinic that is wired to it.
    let mut outside = None;
    let clinic = match &inside {
        Some(inside) => {
            let mut settings = settings::clinic(config, base.clone(), inside)?;
            let world = Outside::start(config, &mut settings).await?;
            doors = doors.merge(world.router());
            outside = world.page();
            let clinic = Clinic::start(settings, world.clock()).await.context("clinic")?;
            Some((clinic, world))
        }
        None => None,
    };
    if let Some((clinic, _)) = &clinic {
        doors = doors.merge(clinic.router());
    }
    let portals = clinic.as_ref().map(|(clinic, _)| clinic.clone());
    doors = doors.merge(pages::router(move |client| frame_ancestors(portals.as_ref()?, client)));

    // Subscribed before anything is printed: whoever reads the links may stop us at once.
    let mut stopping = stop_signal(config.server.stop_timeout)?;
    say(&format!("Chevet is listening on {base}\n"));
    if let Some(page) = outside {
        say(&format!("Mails and messages of this trial: {base}{page}\n"));
        say(&format!("Register as a professional:       {base}/inscription\n"));
    }
    if demo {
        say("\nTwo links for one call. Open each in a browser of its own:\n\n");
        for (name, link) in links::demo(&base, control.tokens())? {
            say(&format!("  {name}\n  {link}\n\n"));
        }
        say("Ctrl-C stops the server.\n");
    }
    tracing::info!(port = listening.port(), workers = sfu.workers(), "started");

    let stopped = async {
        let _ = stopping.wait_for(|stop| *stop).await;
        // Clients are told before their sockets close, so that they know when to come back.
        control.shut_down();
    };
    let (ended, inner_stopped) = watch::channel(false);
    let inner = async {
        if let (Some(inner), Some((clinic, _))) = (inner, &clinic) {
            let doors = control.router().merge(clinic.router());
            let mut stopped = inner_stopped;
            // After the people's listener: what happens while it drains is still told.
            let stopped = async move { drop(stopped.wait_for(|ended| *ended).await) };
            inner.run(&control, doors, stopped).await;
        }
    };
    let outer = async {
        listener.run(&control, doors, stopped).await;
        // Nobody is inside any more.
        let _ = ended.send(true);
    };
    tokio::join!(outer, inner);
    if let Some((clinic, _outside)) = clinic {
        clinic.stop().await;
    }
    sfu.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Turns true at SIGTERM or SIGINT. A second signal, or `patience` after the first, ends the process at once.
fn stop_signal(patience: std::time::Duration) -> anyhow::Result<watch::Receiver<bool>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        tracing::info!("stopping");
        // Nobody left to tell is no reason to stay.
        let _ = sender.send(true);
        let in_order = tokio::select! {
            () = next() => false,
            () = tokio::time::sleep(patience) => false,
            () = sender.closed() => true,
        };
        if !in_order {
            tracing::warn!("stopped before everything was closed");
            std::process::exit(1);
        }
    });
    Ok(receiver)
}
