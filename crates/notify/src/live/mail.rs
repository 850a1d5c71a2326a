//! Mail to a server that speaks SMTP, with and without TLS, kind and unkind.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use model::{AlertKind, Delivery};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use super::{params, receiver::Identity, run};
use crate::{Contact, build, testing};

/// How the server behaves.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Kind,
    /// Says no to the recipient, with this code.
    No(u16),
    /// Cuts the connection before it has read the mail.
    CutsBefore,
    /// Cuts the connection once it has it.
    CutsAfter,
    /// Adds words in the clear behind its go-ahead for TLS.
    Injects,
    /// Does not offer TLS.
    InTheClear,
}

type Mails = Arc<Mutex<Vec<String>>>;

async fn server(identity: Arc<Identity>, mood: Mood) -> (u16, Mails) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails = Mails::default();
    let kept = Arc::clone(&mails);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let mut line = BufReader::new(tcp);
            line.write_all(b"220 mail.example\r\n").await.unwrap();
            if talk(&mut line, mood, false, &kept).await {
                let extra = if mood == Mood::Injects { "250 taken\r\n" } else { "" };
                line.write_all(format!("220 go\r\n{extra}").as_bytes()).await.unwrap();
                // A client that goes away instead of shaking hands is what one test wants.
                if let Ok(stream) = identity.acceptor().accept(line.into_inner()).await {
                    talk(&mut BufReader::new(stream), mood, true, &kept).await;
                }
            }
        }
    });
    (port, mails)
}

/// Is TLS asked for?
async fn talk<S>(line: &mut BufReader<S>, mood: Mood, secure: bool, mails: &Mails) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut said = String::new();
    loop {
        said.clear();
        if line.read_line(&mut said).await.unwrap_or(0) == 0 {
            return false;
        }
        let answer = match said.split([' ', '\r']).next().unwrap_or_default() {
            "EHLO" if secure => "250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n".to_owned(),
            "EHLO" if mood == Mood::InTheClear => "250 mail.example\r\n".to_owned(),
            "EHLO" => "250-mail.example\r\n250 STARTTLS\r\n".to_owned(),
            "STARTTLS" => return true,
            // "\0noc\0hunter2"
            "AUTH" if said.trim_end() == "AUTH PLAIN AG5vYwBodW50ZXIy" => "235 in\r\n".to_owned(),
            // Says it back as it came, and what it means.
            "AUTH" => format!("535 no, {} is wrong-password\r\n", said.trim_end()),
            "RCPT" => match mood {
                Mood::No(code) => format!("{code} no such user\r\n"),
                _ => "250 ok\r\n".to_owned(),
            },
            "DATA" if mood == Mood::CutsBefore => return false,
            "DATA" => {
                line.write_all(b"354 go\r\n").await.unwrap();
                let mut mail = String::new();
                while !mail.ends_with("\r\n.\r\n") {
                    if line.read_line(&mut mail).await.unwrap_or(0) == 0 {
                        return false;
                    }
                }
                mails.lock().unwrap().push(mail);
                if mood == Mood::CutsAfter {
                    return false;
                }
                "250 queued\r\n".to_owned()
            }
            _ => "250 ok\r\n".to_owned(),
        };
        if line.write_all(answer.as_bytes()).await.is_err() {
            return false;
        }
    }
}

fn mail(mood: Mood, more: &[(&'static str, &str)]) -> (Delivery, Vec<String>) {
    run(async {
        let identity = Arc::new(Identity::new("localhost"));
        let mut ca = NamedTempFile::new().unwrap();
        ca.write_all(identity.issuer_pem.as_bytes()).unwrap();
        let (port, mails) = server(identity, mood).await;
        let mut texts = vec![
            ("server", "localhost"),
            ("from", "Campanile <noc@acme.example>"),
            ("user", "noc"),
            ("password", "hunter2"),
            ("ca", ca.path().to_str().unwrap()),
        ];
        texts.retain(|(name, _)| more.iter().all(|it| it.0 != *name));
        texts.extend(more.iter().filter(|it| !it.1.is_empty()));
        let mut params = params(&texts);
        params.0.insert("port", model::Value::Number(port.into()));
        let teller = build("email", &params).unwrap().unwrap();
        let contact = Contact {
            name: "anna".into(),
            title: "Anna".into(),
            address: "anna@acme.example".into(),
        };
        let alert = testing::alert(AlertKind::Trigger);
        let delivery = teller.deliver(&testing::world(), &alert, &contact).await;
        let mails = mails.lock().unwrap().clone();
        (delivery, mails)
    })
}

#[test]
fn a_mail_arrives_under_tls() {
    let (delivery, mails) = mail(Mood::Kind, &[]);
    assert_eq!(delivery, Delivery::Taken);
    let mail = &mails[0];
    assert!(mail.contains("Subject: acme/web/http is CRITICAL\r\n"), "{mail}");
    assert!(
        mail.contains("To: \"Anna\" <anna@acme.example>")
            || mail.contains("To: Anna <anna@acme.example>"),
        "{mail}"
    );
    assert!(mail.contains("In-Reply-To: <campanile-0000000000000007-17@acme.example>"), "{mail}");
}

#[test]
fn a_no_is_final_or_not_by_its_code() {
    let (delivery, _) = mail(Mood::No(550), &[]);
    assert_eq!(delivery, Delivery::Never { fault: "localhost answered 550 no such user".into() });
    let (delivery, _) = mail(Mood::No(451), &[]);
    assert!(matches!(delivery, Delivery::Later { may_have_arrived: false, .. }), "{delivery:?}");
}

#[test]
fn only_after_the_last_dot_may_a_mail_have_arrived() {
    let (delivery, mails) = mail(Mood::CutsBefore, &[]);
    assert!(matches!(delivery, Delivery::Later { may_have_arrived: false, .. }), "{delivery:?}");
    assert!(mails.is_empty());
    let (delivery, mails) = mail(Mood::CutsAfter, &[]);
    assert!(matches!(delivery, Delivery::Later { may_have_arrived: true, .. }), "{delivery:?}");
    assert_eq!(mails.len(), 1);
}

#[test]
fn nothing_is_said_without_tls_or_to_whom_we_do_not_trust() {
    for (mood, more, why) in [
        (Mood::InTheClear, &[][..], "does not offer STARTTLS"),
        (Mood::Injects, &[], "in the clear after STARTTLS"),
        (Mood::Kind, &[("ca", "")], "its issuer is not trusted"),
    ] {
        let (delivery, mails) = mail(mood, more);
        let Delivery::Later { fault, may_have_arrived: false, .. } = delivery else {
            panic!("{delivery:?}");
        };
        assert!(fault.contains(why), "{fault}");
        assert!(mails.is_empty());
    }
}

#[test]
fn a_wrong_password_is_told_without_saying_it() {
    let (delivery, _) = mail(Mood::Kind, &[("password", "wrong-password")]);
    let fault = "localhost answered 535 no, AUTH PLAIN … is …".into();
    assert_eq!(delivery, Delivery::Never { fault });
}

#[test]
fn this_very_machine_may_be_told_in_the_clear() {
    let plain = [("tls", "none"), ("user", ""), ("password", ""), ("ca", "")];
    let (delivery, mails) = mail(Mood::InTheClear, &plain);
    assert_eq!((delivery, mails.len()), (Delivery::Taken, 1));
}
