//! The report as CDA R2 level 1, shaped as the ANS wants a "CR de télémédecine" (TLM-CR 2021.01): a header that machines
//! read, the PDF as its body. It is a file to import elsewhere; nothing is deposited by this program.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::billing::acts::label_of;
use crate::http::Language;
use crate::model::{IdType, IdentityStatus, Sex};
use crate::report::Dossier;
use crate::report::words::Words;

/// Identifiers of professionals (IdNatPS).
const OID_PERSON: &str = "1.2.250.1.71.4.2.1";
/// Identifiers of structures.
const OID_STRUCTURE: &str = "1.2.250.1.71.4.2.2";
/// Professions and skills.
const OID_PROFESSION: &str = "1.2.250.1.213.1.1.4.5";
const OID_NGAP: &str = "1.2.250.1.215.200.3.3";
/// INS-NIR.
const OID_INS: &str = "1.2.250.1.213.1.4.8";
/// Act codes that the TLM-CR value set has.
const ACTS: [&str; 8] = ["TCG", "TC", "TE1", "TE2", "TLD", "TLL", "TLM", "TLS"];

/// `2.25.` and the number of the id's UUID (ITU-T X.667): a root of our own that nobody has to register.
pub fn oid(id: &str) -> String {
    let hex = id.rsplit('_').next().unwrap_or_default();
    format!("2.25.{}", u128::from_str_radix(hex, 16).unwrap_or_default())
}

/// The document. `pdf`: the report, unchanged.
pub fn document(dossier: &Dossier, pdf: &[u8]) -> std::io::Result<String> {
    let mut out = Xml { writer: Writer::new_with_indent(Vec::new(), b' ', 1), words: dossier.words() };
    out.writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let root = [("xmlns", "urn:hl7-org:v3"), ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")];
    out.open("ClinicalDocument", &root, |out| {
        head(out, dossier)?;
        patient(out, dossier)?;
        author(out, dossier)?;
        custodian(out, dossier)?;
        authenticator(out, dossier)?;
        nurse(out, dossier)?;
        for (code, label) in events(dossier) {
            event(out, dossier, code, label)?;
        }
        encounter(out, dossier)?;
        out.open("component", &[], |out| {
            out.open("nonXMLBody", &[], |out| {
                let kind = [("mediaType", "application/pdf"), ("representation", "B64")];
                out.text("text", &kind, &STANDARD.encode(pdf))
            })
        })
    })?;
    let mut text = String::from_utf8(out.writer.into_inner()).map_err(std::io::Error::other)?;
    text.push('\n');
    Ok(text)
}

struct Xml {
    writer: Writer<Vec<u8>>,
    words: Words,
}

type Done = std::io::Result<()>;

impl Xml {
    fn open(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        inner: impl FnOnce(&mut Xml) -> Done,
    ) -> Done {
        let mut start = quick_xml::events::BytesStart::new(name);
        for (key, value) in attributes {
            start.push_attribute((*key, clean(value).as_str()));
        }
        self.writer.write_event(Event::Start(start))?;
        inner(self)?;
        self.writer.write_event(Event::End(quick_xml::events::BytesEnd::new(name)))
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) -> Done {
        let mut start = quick_xml::events::BytesStart::new(name);
        for (key, value) in attributes {
            start.push_attribute((*key, clean(value).as_str()));
        }
        self.writer.write_event(Event::Empty(start))
    }

    fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> Done {
        self.open(name, attributes, |out| out.writer.write_event(Event::Text(BytesText::new(&clean(text)))))
    }

    /// HL7 TS, to the second with the zone.
    fn time(&mut self, name: &str, at: Timestamp) -> Done {
        let value = self.stamp(at);
        self.empty(name, &[("value", &value)])
    }

    fn stamp(&self, at: Timestamp) -> String {
        let minutes = self.words.offset_s(at) / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let local = self.words.local(at).strftime("%Y%m%d%H%M%S").to_string();
        format!("{local}{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }
}

/// Characters that XML 1.0 has no place for are left out.
fn clean(text: &str) -> String {
    let allowed = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(allowed).collect()
}

fn head(out: &mut Xml, dossier: &Dossier) -> Done {
    let language = match dossier.language() {
        Language::Fr => "fr-FR",
        Language::En => "en-GB",
    };
    out.empty("realmCode", &[("code", "FR")])?;
    out.empty("typeId", &[("root", "2.16.840.1.113883.1.3"), ("extension", "POCD_HD000040")])?;
    for template in ["2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1", "1.3.6.1.4.1.19376.1.2.20"] {
        out.empty("templateId", &[("root", template)])?;
    }
    let set = oid(dossier.consultation.id.as_str());
    let version = dossier.version.to_string();
    out.empty("id", &[("root", &set), ("extension", &version)])?;
    out.empty(
        "code",
        &[
            ("code", "85208-7"),
            ("displayName", "Compte-rendu d'acte de télémédecine"),
            ("codeSystem", "2.16.840.1.113883.6.1"),
            ("codeSystemName", "LOINC"),
        ],
    )?;
    out.text("title", &[], crate::report::title(dossier))?;
    out.time("effectiveTime", dossier.at)?;
    out.empty(
        "confidentialityCode",
        &[
            ("code", "N"),
            ("displayName", "Normal"),
            ("codeSystem", "2.16.840.1.113883.5.25"),
            ("codeSystemName", "Confidentiality"),
        ],
    )?;
    out.empty("languageCode", &[("code", language)])?;
    out.empty("setId", &[("root", &set)])?;
    out.empty("versionNumber", &[("value", &version)])
}

fn patient(out: &mut Xml, dossier: &Dossier) -> Done {
    let p = &dossier.patient;
    out.open("recordTarget", &[], |out| {
        out.open("patientRole", &[], |out| {
            // The INS travels with a qualified identity only; a number typed by hand never does.
            if let (IdentityStatus::Qual, Some(nir)) = (p.identity_status, &p.nir) {
                out.empty("id", &[("root", OID_INS), ("extension", nir)])?;
            }
            out.empty("id", &[("root", &oid(p.id.as_str()))])?;
            address(out, p.address.as_deref())?;
            match &p.mobile {
                Some(mobile) => {
                    out.empty("telecom", &[("value", &format!("tel:{mobile}")), ("use", "MC")])?
                }
                None => out.empty("telecom", &[("nullFlavor", "NASK")])?,
            }
            out.open("patient", &[("classCode", "PSN")], |out| {
                out.open("name", &[], |out| {
                    for (at, given) in p.first_names.iter().enumerate() {
                        let qualifier: &[(&str, &str)] = if at == 0 { &[("qualifier", "BR")] } else { &[] };
                        out.text("given", qualifier, given)?;
                    }
                    out.text("family", &[("qualifier", "BR")], &p.birth_name.to_uppercase())?;
                    if let Some(used) = &p.used_name {
                        out.text("family", &[("qualifier", "CL")], &used.to_uppercase())?;
                    }
                    Ok(())
                })?;
                let (code, label) = match p.sex {
                    Sex::M => ("M", "Masculin"),
                    Sex::F => ("F", "Féminin"),
                    Sex::U => ("UN", "Inconnu"),
                };
                out.empty(
                    "administrativeGenderCode",
                    &[("code", code), ("displayName", label), ("codeSystem", "2.16.840.1.113883.5.1")],
                )?;
                // Unknown parts are left off the end.
                let born: String =
                    String::from(p.birth_date).split('-').filter(|part| *part != "00").collect();
                out.empty("birthTime", &[("value", &born)])?;
                if let Some(representative) = &p.representative {
                    out.open("guardian", &[], |out| {
                        out.empty("addr", &[("nullFlavor", "NASK")])?;
                        out.empty("telecom", &[("nullFlavor", "NASK")])?;
                        out.open("guardianPerson", &[], |out| {
                            out.open("name", &[], |out| out.text("family", &[], representative))
                        })
                    })?;
                }
                if let Some(place) = &p.birth_place_cog {
                    out.open("birthplace", &[], |out| {
                        out.open("place", &[], |out| {
                            out.open("addr", &[], |out| out.text("county", &[], place))
                        })
                    })?;
                }
                Ok(())
            })
        })
    })
}

fn address(out: &mut Xml, text: Option<&str>) -> Done {
    match text.filter(|text| !text.trim().is_empty()) {
        None => out.empty("addr", &[("nullFlavor", "NASK")]),
        Some(text) => out.open("addr", &[], |out| {
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                out.text("streetAddressLine", &[], line.trim())?;
            }
            Ok(())
        }),
    }
}

/// IdNatPS: `8` and the RPPS, `0` and the ADELI number.
fn national_id(dossier: &Dossier) -> String {
    let p = &dossier.professional;
    p.id_nat_ps.clone().unwrap_or_else(|| match p.id_type {
        IdType::Rpps => format!("8{}", p.national_number),
        IdType::Adeli => format!("0{}", p.national_number),
        IdType::PscTest => p.national_number.clone(),
    })
}

/// Identifier, profession, address, line, name and practice of the owner.
fn owner(out: &mut Xml, dossier: &Dossier) -> Done {
    let p = &dossier.professional;
    out.empty("id", &[("root", OID_PERSON), ("extension", &national_id(dossier))])?;
    let code = match &p.speciality_code {
        Some(speciality) => format!("G15_{}/{speciality}", p.profession_code),
        None => format!("G15_{}", p.profession_code),
    };
    let label = dossier.profession().map_or("", |known| known.fr);
    out.empty("code", &[("code", &code), ("displayName", label), ("codeSystem", OID_PROFESSION)])?;
    address(out, Some(&p.practice.address))?;
    match &p.practice.phone {
        Some(phone) => {
            out.empty("telecom", &[("value", &format!("tel:{}", phone.replace(' ', ""))), ("use", "WP")])?
        }
        None => out.empty("telecom", &[("nullFlavor", "NASK")])?,
    }
    out.open("assignedPerson", &[], |out| {
        out.open("name", &[], |out| {
            if !p.title.is_empty() {
                out.text("prefix", &[], &p.title)?;
            }
            out.text("given", &[], &p.first_name)?;
            out.text("family", &[], &p.exercise_name)
        })
    })?;
    practice(out, dossier, "representedOrganization", |_| Ok(()))
}

fn practice(out: &mut Xml, dossier: &Dossier, name: &str, more: impl FnOnce(&mut Xml) -> Done) -> Done {
    let practice = &dossier.professional.practice;
    out.open(name, &[], |out| {
        // `1` FINESS, `3` SIRET; a practice with neither is known by its professional.
        let number = match (&practice.finess, &practice.siret) {
            (Some(finess), _) => format!("1{finess}"),
            (None, Some(siret)) => format!("3{siret}"),
            _ => national_id(dossier),
        };
        out.empty("id", &[("root", OID_STRUCTURE), ("extension", &number)])?;
        let name = if practice.name.is_empty() { dossier.professional_name() } else { practice.name.clone() };
        out.text("name", &[], &name)?;
        more(out)
    })
}

fn author(out: &mut Xml, dossier: &Dossier) -> Done {
    out.open("author", &[], |out| {
        out.time("time", dossier.at)?;
        out.open("assignedAuthor", &[], |out| owner(out, dossier))
    })
}

fn custodian(out: &mut Xml, dossier: &Dossier) -> Done {
    out.open("custodian", &[], |out| {
        out.open("assignedCustodian", &[], |out| {
            practice(out, dossier, "representedCustodianOrganization", |out| {
                match &dossier.professional.practice.phone {
                    Some(phone) => {
                        let value = format!("tel:{}", phone.replace(' ', ""));
                        out.empty("telecom", &[("value", &value), ("use", "WP")])?;
                    }
                    None => out.empty("telecom", &[("nullFlavor", "NASK")])?,
                }
                address(out, Some(&dossier.professional.practice.address))
            })
        })
    })
}

fn authenticator(out: &mut Xml, dossier: &Dossier) -> Done {
    out.open("legalAuthenticator", &[], |out| {
        out.time("time", dossier.at)?;
        out.empty("signatureCode", &[("code", "S")])?;
        out.open("assignedEntity", &[], |out| owner(out, dossier))
    })
}

fn nurse(out: &mut Xml, dossier: &Dossier) -> Done {
    let Some(nurse) = dossier.bedside() else { return Ok(()) };
    out.open("participant", &[("typeCode", "PRF")], |out| {
        out.empty(
            "functionCode",
            &[
                ("code", "353"),
                ("displayName", "Membre de l'équipe de soins"),
                ("codeSystem", "1.2.250.1.213.1.6.1.107"),
            ],
        )?;
        out.open("time", &[("xsi:type", "IVL_TS")], |out| {
            out.time("low", nurse.joined_at.first().copied().unwrap_or_else(|| dossier.started_at()))?;
            out.time("high", nurse.left_at.last().copied().unwrap_or(dossier.at))
        })?;
        out.open("associatedEntity", &[("classCode", "PROV")], |out| {
            match &nurse.rpps {
                Some(rpps) => out.empty("id", &[("root", OID_PERSON), ("extension", &format!("8{rpps}"))])?,
                None => out.empty("id", &[("nullFlavor", "UNK")])?,
            }
            let code = format!("G15_{}", nurse.profession_code.as_deref().unwrap_or("60"));
            let label = nurse.profession_code.as_deref().and_then(crate::model::identifier::profession_of);
            let label = label.map_or("Infirmier", |known| known.fr);
            out.empty("code", &[("code", &code), ("displayName", label), ("codeSystem", OID_PROFESSION)])?;
            out.empty("addr", &[("nullFlavor", "NASK")])?;
            out.empty("telecom", &[("nullFlavor", "NASK")])?;
            out.open("associatedPerson", &[], |out| {
                out.open("name", &[], |out| out.text("family", &[], &nurse.display_name))
            })
        })
    })
}

/// The acts of the form that the value set has; without one, the act that the profession implies.
fn events(dossier: &Dossier) -> Vec<(&'static str, &'static str)> {
    let coded = dossier.form.as_ref().map(|form| form.acts.as_slice()).unwrap_or_default();
    let known = |code: &str| ACTS.iter().find(|act| **act == code).copied();
    let label = |code| label_of(code, Language::Fr).unwrap_or_default();
    let mut events: Vec<_> =
        coded.iter().filter_map(|act| known(&act.code)).map(|code| (code, label(code))).collect();
    if events.is_empty() {
        let code = if dossier.professional.profession_code == "60" { "TLM" } else { "TC" };
        events.push((code, label(code)));
    }
    events
}

fn event(out: &mut Xml, dossier: &Dossier, code: &str, label: &str) -> Done {
    out.open("documentationOf", &[], |out| {
        out.open("serviceEvent", &[("classCode", "ACT")], |out| {
            out.empty(
                "code",
                &[
                    ("code", code),
                    ("displayName", label),
                    ("codeSystem", OID_NGAP),
                    ("codeSystemName", "NGAP"),
                ],
            )?;
            out.open("effectiveTime", &[], |out| {
                out.time("low", dossier.started_at())?;
                dossier.consultation.ended_at.map_or(Ok(()), |at| out.time("high", at))
            })?;
            out.open("performer", &[("typeCode", "PRF")], |out| {
                out.open("assignedEntity", &[], |out| owner(out, dossier))
            })
        })
    })
}

fn encounter(out: &mut Xml, dossier: &Dossier) -> Done {
    out.open("componentOf", &[], |out| {
        out.open("encompassingEncounter", &[], |out| {
            out.empty("id", &[("root", &oid(dossier.consultation.id.as_str()))])?;
            out.empty(
                "code",
                &[("code", "VR"), ("displayName", "Virtuelle"), ("codeSystem", "2.16.840.1.113883.5.4")],
            )?;
            out.open("effectiveTime", &[], |out| {
                out.time("low", dossier.started_at())?;
                dossier.consultation.ended_at.map_or(Ok(()), |at| out.time("high", at))
            })?;
            out.open("responsibleParty", &[], |out| {
                out.open("assignedEntity", &[("classCode", "ASSIGNED")], |out| owner(out, dossier))
            })?;
            let Some(facility) = &dossier.facility else { return Ok(()) };
            out.open("location", &[], |out| {
                out.open("healthCareFacility", &[], |out| {
                    if let Some(finess) = &facility.finess {
                        out.empty("id", &[("root", OID_STRUCTURE), ("extension", &format!("1{finess}"))])?;
                    }
                    out.open("location", &[], |out| {
                        out.text("name", &[], &facility.name)?;
                        address(out, Some(&facility.address))
                    })
                })
            })
        })
    })
}

#[cfg(test)]
mod tests;
