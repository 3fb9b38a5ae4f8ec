#!/bin/sh
# Compares our reading of the good rc files with fetchmail's.
# Prints each difference with its reason, and ends with status 1 if one has none.
#
# usage: judge.sh [FETCHD]     FETCHD is the program to judge; without it, it is built from this tree.
# Needs fetchmail 6.4 and python3 (fetchmail dumps its configuration as Python).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -gt 0 ]; then
	fetchd=$1
else
	fetchd=$work/fetchd
	(cd "$here/../.." && go build -o "$fetchd" ./cmd/fetchd)
fi
exec_python() { HOME=$work FETCHMAILHOME=$work python3 - "$@"; }
exec_python "$here/good" "$work" "$fetchd" <<'PYTHON'
import glob, json, os, re, shutil, subprocess, sys

good, work, fetchd = sys.argv[1:]
FLAGS = """bouncemail spambounce softbounce syslog invisible showdots active dns uidl tracepolls badheader
fetchall keep flush limitflush rewrite stripcr forcecr pass8bits dropstatus dropdelivered mimedecode idle lmtp ssl sslcertck""".split()

# What only one of the two knows: regular expressions on "FILE: KEY: fetchmail VALUE, fetchd VALUE", and why.
REASONS = [
    (r"refused: .*(LMTP can't use|syntax error)", "an extension: units, own words, unreserved words, a comment on the last line, more fused no"),
    (r"^(auth|proto)-refused|^port-range|^refused-", "the account is refused, and the value dumped as written"),
    (r"refused: .*idle mode", "IDLE works for any number of accounts"),
    (r"\bauth: fetchmail 'ssh', fetchd 'implicit'", "6.5's word for it"),
    (r"\bprotocol: fetchmail 'pop3', fetchd 'sdps'", "sdps is kept as said; plain pop3 is spoken"),
    (r"\btracepolls: fetchmail True, fetchd False", "'no tracepolls' undoes the default"),
    (r"\bbadheader: fetchmail True, fetchd False", "'bad-header reject' undoes the default"),
    (r"\bbadheader: fetchmail False, fetchd True", "a message with a broken header is delivered unless 'reject' is said"),
    (r"^number-overflow.* fetchd -1$", "such a number refuses the account; fetchmail lets it wrap"),
    (r"\bstripcr: fetchmail False, fetchd True", "on for all destinations, not for mda alone"),
    (r"\bauth: fetchmail 'password', fetchd 'any'", "'auth any' undoes the default"),
    (r"\bwildcard: fetchmail True, fetchd False", "'*' isn't inherited on top of own local names"),
    (r"\bpassword: fetchmail '.*', fetchd None", "no password is made up for auth ssh and external"),
    (r"\brewrite: fetchmail True, fetchd False", "headers stay as they are unless rewrite is said"),
    (r"\bshowdots: fetchmail True, fetchd False", "fetchmail dumps 'no showdots' as on"),
    (r"\b(folders|fetchdomains): .*(mbox|forceidle)", "an own word ends a list"),
    (r"\blogfile: ", "fetchmail ignores a log file that doesn't exist"),
    (r"escapes.*\\x00|hex|latin1", "fetchmail's dump garbles bytes that aren't printable ASCII"),
    (r"^(utf8|escape|quote-).*", "fetchmail's dump garbles bytes that aren't printable ASCII"),
]


def run(args, name):
    path = os.path.join(work, name)
    shutil.copy(os.path.join(good, name), path)
    os.chmod(path, 0o600)
    r = subprocess.run(args + ["-f", path], capture_output=True, timeout=60)
    return r.returncode, r.stdout, r.stderr.decode("utf-8", "replace").strip()


def reference(text):
    """fetchmail's dump in the shape of ours; what it takes from its surroundings is None."""
    scope = {}
    exec(text.decode("latin-1"), scope)
    rc = scope["fetchmailrc"]
    polls = rc.pop("servers")
    rc["daemon"] = rc.pop("poll_interval")
    for key, made_up in (("idfile", os.path.join(work, ".fetchids")), ("postmaster", None)):
        if rc[key] == made_up or key == "postmaster" and rc[key] in ("postmaster", "root", os.environ.get("USER")):
            rc[key] = None
    return {"globals": flags(rc), "polls": [poll(p) for p in polls]}


def flags(d):
    return {k: bool(v) if k in FLAGS else v for k, v in d.items()}


def poll(p):
    p = flags(p)
    p["name"], p["protocol"] = p.pop("pollname"), p["protocol"].lower()
    if p["esmtpname"] == caller: p["esmtpname"] = None
    if p["envelope"] == "Received": p["envelope"] = None  # its default; we have none
    p["users"] = [user(u) for u in p["users"]]
    return p


def user(u):
    u = flags(u)
    names = u.pop("localnames")
    u["wildcard"] = "*" in names
    u["locals"] = [[n, n] if isinstance(n, str) else list(n) for n in names if n not in ("*", caller)]
    u["folders"], u["smtphosts"] = u.pop("mailboxes"), u.pop("smtphunt")
    if u["smtphosts"] == ["localhost"]: u["smtphosts"] = []
    if u["remote"] == caller: u["remote"] = None
    u["antispam"] = [int(n) for n in u["antispam"].split()]
    return u


def compare(name, where, want, got):
    for key, value in want.items():
        if key in ("polls", "users"):
            if len(value) != len(got[key]):
                yield f"{name}: {where}{key}: fetchmail has {len(value)}, fetchd {len(got[key])}"
            for i, (a, b) in enumerate(zip(value, got[key])):
                yield from compare(name, f"{where}{key}[{i}] ", a, b)
        elif key == "globals":
            yield from compare(name, "globals ", value, got[key])
        elif key == "envelope" and got[key] == "Received" and value is None:
            pass
        elif got.get(key, "no such key") != value:
            yield f"{name}: {where}{key}: fetchmail {value!r}, fetchd {got.get(key, 'no such key')!r}"


def judge(name):
    code, out, err = run(["fetchmail", "--configdump"], name)
    code2, out2, err2 = run([fetchd, "--configdump", "--show-secrets"], name)
    if code2 != 0:
        yield f"{name}: fetchd fails: {err2}"
    elif code != 0:
        errors = [l for l in err.splitlines() if "discouraged" not in l]
        yield f"{name}: fetchmail refused: {errors[0] if errors else code}"
    else:
        try:
            want = reference(out)
        except SyntaxError as e:
            yield f"{name}: fetchmail's dump can't be read, garbles bytes: {e.msg}, hex"
            return
        yield from compare(name, "", want, json.loads(out2))


caller = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
files = differences = unexplained = 0
for path in sorted(glob.glob(os.path.join(good, "*.rc"))):
    files += 1
    for line in judge(os.path.basename(path)):
        differences += 1
        why = next((why for pattern, why in REASONS if re.search(pattern, line)), None)
        if why is None:
            unexplained += 1
        line = line if len(line) < 220 else line[:220] + "…"
        print(line.replace(work, "DIR"), "\n\t", why or "UNEXPLAINED")
print(f"{files} files, {differences} differences, {unexplained} unexplained")
sys.exit(unexplained > 0)
PYTHON
