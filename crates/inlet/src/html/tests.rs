//! How the tables of known products look as text, and what hostile HTML costs.

use expect_test::expect;

use super::*;

/// With a bar for each tab, to be seen.
fn drawn(text: &str) -> String {
    text.replace('\t', " | ")
}

#[test]
fn a_table_of_guests_has_a_line_for_each() {
    let html = r#"<html><head><style>td { color: red }</style><title>vzdump</title></head>
        <body><h1>Details</h1>
        <table border="1" cellspacing="0"><tr><th>VMID</th><th>Name</th><th>Status</th><th>Time</th>
        <th>Size</th><th>Filename</th></tr>
        <tr><td>101</td><td>erp-db</td><td style="color:green">ok</td><td>17m&nbsp;3s</td>
          <td>57.34 GiB</td><td>vm/101/2026-09-21T00:30:03Z</td></tr>
        <tr><td>102</td><td></td><td>err</td><td>1s</td><td>0 B</td><td></td></tr></table>
        <br>Total running time: 26m 20s<br/>Total size: 77.44&nbsp;GiB
        <h2>Logs</h2><pre>101: INFO: Starting
101:   INFO:  Finished &lt;ok&gt;
</pre></body></html>"#;
    expect![[r#"
        Details
        VMID | Name | Status | Time | Size | Filename
        101 | erp-db | ok | 17m 3s | 57.34 GiB | vm/101/2026-09-21T00:30:03Z
        102 |  | err | 1s | 0 B
        Total running time: 26m 20s
        Total size: 77.44 GiB
        Logs
        101: INFO: Starting
        101:   INFO:  Finished <ok>"#]]
    .assert_eq(&drawn(&text(html)));
}

#[test]
fn a_session_in_nested_tables_has_labels_and_values_side_by_side() {
    let html = r#"<table width="100%"><tr><td>
        <table cellpadding=0><tr><td colspan=9><b>Backup job: Nightly</b><br>Created by ACME\adm</td>
        <td style='background:#00B050' align="right">Success<div class=x>2 of 2 VMs processed</div></td></tr>
        <tr><td colspan="10">marted&igrave; 29 settembre 2026 23:30:12</td></tr>
        <tr><td nowrap>Success</td><td>2</td><td>Start time</td><td>23:30:12</td><td>Total size</td><td>200 GB</td></tr>
        <tr><td>Warning</td><td>0</td><td>End time</td><td>00:21:35</td><td>Backup size</td><td>12,2 GB</td></tr>
        <tr><td>Error</td><td>0</td><td>Duration</td><td>0:51:23</td><td>Dedupe</td><td>1.1x</td></tr>
        </table>
        <table><tr class="processObjectsHeader"><td><b>Name</b></td><td><b>Status</b></td><td><b>Details</b></td></tr>
        <tr><td>erp</td><td><span style="color: #00B050">Success</span></td><td>&nbsp;</td></tr>
        <tr><td>files</td><td>Success</td><td>first<br>second</td></tr></table>
        </td></tr></table><p>Product 12.1.0</p>"#;
    expect![[r#"
        Backup job: Nightly Created by ACME\adm | Success 2 of 2 VMs processed
        martedì 29 settembre 2026 23:30:12
        Success | 2 | Start time | 23:30:12 | Total size | 200 GB
        Warning | 0 | End time | 00:21:35 | Backup size | 12,2 GB
        Error | 0 | Duration | 0:51:23 | Dedupe | 1.1x
        Name | Status | Details
        erp | Success
        files | Success | first second
        Product 12.1.0"#]]
    .assert_eq(&drawn(&text(html)));
}

#[test]
fn a_mail_in_one_cell_keeps_its_lines() {
    let html = "<table><tbody><tr><td style=\"padding:20px\"><div>Gentile utente,</div>\
        <div>l&rsquo;attivit&agrave; <b>nas-01</b> &egrave; stata completata.</div><br/>\
        <div>Ora d&rsquo;inizio: 03:00</div><div>Ora di fine: 03:40</div>\
        <ul><li>pc-01<li>pc-02</ul></td></tr></tbody></table>";
    expect![[r#"
        Gentile utente,
        l’attività nas-01 è stata completata.

        Ora d’inizio: 03:00
        Ora di fine: 03:40
        pc-01
        pc-02"#]]
    .assert_eq(&drawn(&text(html)));
}

#[test]
fn a_long_column_of_layout_keeps_its_lines_too() {
    let body = "<div>line of the report</div>".repeat(30);
    let html = format!("<table><tr><td>menu</td><td>{body}</td></tr></table>");
    let found = text(&html);
    assert_eq!(found.lines().count(), 31);
    assert_eq!(found.lines().next(), Some("menu"));
}

#[test]
fn what_is_not_seen_is_no_text() {
    for (html, wanted) in [
        ("a<!-- b > -->c", "ac"),
        ("a<!-- b", "a"),
        ("a<script>if (1 < 2) { '</p>' }</script>b", "ab"),
        ("a<SCRIPT src=x>b</ScRiPt >c", "ac"),
        ("a<style>b", "a"),
        ("<!DOCTYPE html><?xml version='1'?>a", "a"),
        ("<![if !mso]>a<![endif]>", "a"),
        ("a<img src='x.png' alt=\"1 > 0\">b", "ab"),
        ("<a title=5\" disk\">x</a>", "x"),
        ("<p title=\"a>b\">x", "x"),
    ] {
        assert_eq!(text(html), wanted, "{html}");
    }
}

#[test]
fn references_are_resolved_and_what_is_none_stays() {
    for (html, wanted) in [
        ("&lt;b&gt; &amp;amp; &quot;&apos;", "<b> &amp; \"'"),
        ("&#233;&#xE9;&#XE9;", "\u{e9}\u{e9}\u{e9}"),
        ("d&#146;inizio &#x80;", "d\u{2019}inizio \u{20ac}"),
        ("&unknown; & &; &#; &#x; &#99999999; R&D", "&unknown; & &; &#; &#x; &#99999999; R&D"),
        ("1 < 2 <3 a<b", "1 < 2 <3 a"),
        ("caf\u{e9} &eacute", "caf\u{e9} &eacute"),
    ] {
        assert_eq!(text(html), wanted, "{html}");
    }
}

#[test]
fn hostile_html_ends_and_is_never_longer_than_it_was() {
    let size = 200_000;
    for piece in [
        "<",
        "</",
        "<!",
        "<!--",
        "<a",
        "<a \"",
        "<a b=\"",
        "&",
        "&#",
        "&#x",
        "<td>",
        "<tr><td>",
        "<table>",
        "<table><tr><td>",
        "<pre>",
        "<br>",
        "<script>",
        "</script",
        "<style></",
        "<p",
        "\u{e9}",
        "&nbsp;",
        " ",
        "\t",
        "</td><td></tr>",
        "<div><div>",
    ] {
        let html = piece.repeat(size / piece.len());
        let found = text(&html);
        assert!(found.len() <= html.len(), "{piece}");
    }
}
