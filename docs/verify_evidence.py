#!/usr/bin/env python3
"""Check an evidence pack of one ticket, with nothing but this file and Python 3.10 or newer.

    python3 verify_evidence.py PACK [--checkpoint LINE] [--public-key HEX]...

PACK is the folder or the zip file. LINE is one that `manage.py audit_checkpoint` or the log printed between the sealing
of the ticket's first event and the making of the pack, and that was kept where whoever runs the desk could not change
it; HEX is what `manage.py audit_key` prints. Without them the pack is only shown to agree with itself. A checkpoint
vouches for what was sealed before it; how many events were not is said.

Ends with 0 if the pack holds, with 1 and the first fault if not, with 2 if there is nothing to check, or nothing that
leads to the checkpoint: then it takes a pack that was made after it.

What is checked, in this order:

1. seals.jsonl: each seal's hash, the number and hash of the one before, its signature; the checkpoint and the keys.
2. evidence.json, event by event: its digest, that the numbers run 1, 2, 3, that each `old` is what the events before
   had left, and that a path leads from the digest to the root of its seal.
3. That the events end in the ticket as the pack shows it, that each comment and file is what its event says, and that
   the files under files/ are those.

What no event tells is listed in UNPROVEN below, and said at the end. A signature takes 3 ms to check.
"""

import argparse
import hashlib
import io
import json
import re
import sys
import zipfile
import zlib
from pathlib import Path

FORMAT = "serviceflow-evidence/1"
# Bytes of evidence.json and of one line of seals.jsonl: a pack that unfolds into more is not one of ours.
LARGEST, LONGEST = 1 << 26, 1 << 12
# Every name that may stand in a pack, but in its events: those their digests prove.
NAMES = {
    "the pack": "format made_at ticket events comments files",
    "the ticket": "id reference version updated_at state",
    "the ticket's state": "title description status waiting_for priority service team requester author assignee tags"
    " source due_at created_at first_responded_at resolved_at finished_at finished_by closed_at deleted_at watchers",
    "a proof": "seal index salt path",
    "a comment": "id seq author claimed_by body internal source created_at",
    "a file": "id seq uploader name content_type size sha256 internal state path",
    "a person": "id name",
    "a seal": "number first_event last_event count root previous at signer hash signature",
}
# What may be anything, whatever is signed.
UNPROVEN = (
    "made_at", "ticket.state.*.name", "comments.author.name", "comments.claimed_by", "files.uploader.name",
    "files.content_type", "files.state",
)  # fmt: skip
ID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Fault(Exception):
    """The first thing that does not hold."""


class Elsewhere(Exception):
    """All of it holds, and the checkpoint is of another time."""


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Check an evidence pack of one ticket.")
    parser.add_argument("pack", type=Path, help="a folder or a zip file")
    parser.add_argument("--checkpoint", metavar="LINE", help="a line that was kept elsewhere")
    parser.add_argument(
        "--public-key", metavar="HEX", action="append", default=[], help="who may have signed"
    )
    asked = parser.parse_args(arguments)
    keys = {key.lower() for key in asked.public_key}
    if not all(re.fullmatch("[0-9a-f]{64}", key) for key in keys):
        parser.error("a public key has 64 hexadecimal digits")
    checkpoint = read_checkpoint(asked.checkpoint, keys) if asked.checkpoint else None
    if asked.checkpoint and not checkpoint:
        parser.error(
            "this is no line of audit_checkpoint, or its signature is wrong, or by no key that was given"
        )
    try:
        pack = Folder(asked.pack) if asked.pack.is_dir() else Zip(asked.pack)
    except (OSError, zipfile.BadZipFile) as trouble:
        parser.error(f"{asked.pack} cannot be read: {trouble}")
    try:
        said = check(pack, checkpoint, keys)
    except Elsewhere as trouble:
        print(f"The evidence cannot be compared with the checkpoint: {trouble}")
        return 2
    except Fault as fault:
        print(f"The evidence does not hold. First fault: {fault}")
        return 1
    # Whatever somebody has put into the files: what we cannot read proves nothing.
    except (
        LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, EOFError, OSError,
        NotImplementedError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error,
    ) as trouble:  # fmt: skip
        print(
            f"The evidence does not hold. First fault: the pack is malformed ({type(trouble).__name__}: {trouble})"
        )
        return 1
    print(said)
    return 0


# --- What the pack is --------------------------------------------------------------------------------


class Folder:
    def __init__(self, path):
        self.path = path

    def names(self):
        return [each.relative_to(self.path).as_posix() for each in self.path.rglob("*") if not each.is_dir()]

    def opened(self, name):
        path = self.path / name
        if path.resolve() != self.path.resolve() / name or not path.is_file():  # no link, no way out
            raise Fault(f"{name} is missing")
        return path.open("rb")


class Zip:
    def __init__(self, path):
        self.archive = zipfile.ZipFile(path)

    def names(self):
        return [each.filename for each in self.archive.infolist() if not each.is_dir()]

    def opened(self, name):
        try:
            return self.archive.open(name)
        except KeyError:
            raise Fault(f"{name} is missing") from None


def read_json(text):
    def once(pairs):
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name stands twice in one object")
        return found

    def nothing(word):
        raise ValueError(f"{word} is no number")

    return json.loads(text, object_pairs_hook=once, parse_constant=nothing)


def whole(value, what):
    """It has the names that such a thing has, all of them and no others."""
    if strange := sorted(set(value) ^ set(NAMES[what].split())):
        raise Fault(f"{what}: {strange[0]} is missing, or nobody knows what it says")
    return value


def check(pack, checkpoint, keys):
    names = pack.names()
    if len(names) != len(set(names)):
        raise Fault("a name stands twice in the pack")
    with pack.opened("evidence.json") as source:
        told = read_json(source.read(LARGEST).decode())
    if told["format"] != FORMAT:
        raise Fault(f"this is no {FORMAT}")
    whole(whole(whole(told, "the pack")["ticket"], "the ticket")["state"], "the ticket's state")
    events = told["events"]
    with pack.opened("seals.jsonl") as source:
        needed = {event["proof"]["seal"] for event in events if event["proof"]}
        seals, signed, total, latest = check_seals(source, needed, checkpoint, keys)
    state = check_events(told["ticket"], events, seals, latest and latest["last_event"])
    check_present(told["ticket"], events, state)
    check_comments(told["comments"], events)
    left_out = check_files(told["files"], events, pack)
    known = {"evidence.json", "seals.jsonl", *(file["path"] for file in told["files"])}
    if stray := sorted(set(names) - known):
        raise Fault(f"{stray[0]} is in the pack, and nothing speaks of it")
    if checkpoint and not (latest and latest["number"] - total < checkpoint["number"] <= latest["number"]):
        there = f"those from {latest['number'] - total + 1} to {latest['number']}" if latest else "none"
        raise Elsewhere(
            f"the pack agrees with itself, but it has of the seals {there}, and the checkpoint is seal"
            f" {checkpoint['number']}. Ask for a pack that was made after the checkpoint."
        )
    return "\n".join(summary(told, checkpoint, keys, signed, total, left_out))


def summary(told, checkpoint, keys, signed, total, left_out):
    unsealed = sum(1 for event in told["events"] if not event["proof"])
    yield (
        f"The evidence holds: {told['ticket']['reference']}, {len(told['events'])} events,"
        f" {len(told['comments'])} comments, {len(told['files'])} files."
    )
    if unsealed:
        yield f"Not sealed yet when the pack was made, so only in agreement with the rest: the last {unsealed} events."
    if left_out:
        yield f"Not in the pack, since the scanner holds them back: {', '.join(left_out)}."
    if checkpoint:
        later = sum(
            1 for event in told["events"] if event["proof"] and event["proof"]["seal"] > checkpoint["number"]
        )
        yield f"The seals lead to the checkpoint, seal {checkpoint['number']}." + (
            f" {later} events were sealed after it, and it does not vouch for them: "
            + ("the key does." if keys else "ask for a later checkpoint, or for the key.")
            if later
            else ""
        )
    else:
        yield "No checkpoint was given: whoever could write the whole chain anew could have made this pack."
    if signed:
        yield f"{signed} of {total} seals are signed" + (
            " by the key given." if keys else ", by keys that nobody has vouched for."
        )
    last = told["events"][-1]
    yield (
        f"Not proven: that nothing has happened to the ticket after event {last['id']}, seq {last['seq']}; and what no"
        f" event tells: {', '.join(UNPROVEN)}."
    )


# --- Seals ---------------------------------------------------------------------------------------------

HEADER = ("number", "first_event", "last_event", "count", "root", "previous", "at", "signer")
LINE = re.compile(
    r"serviceflow-checkpoint seal=(\d{1,18}) hash=([0-9a-f]{64}) events=\d+ last=-?\d+ at=\S+"
    r"(?: signer=([0-9a-f]{64}) signature=([0-9a-f]{128}))?"
)


def read_checkpoint(line, keys):
    match = LINE.fullmatch(line.strip())
    if not match:
        return None
    if keys and match[3] not in keys:  # nor one whose signature was cut off
        return None
    if match[3] and not is_signed(match[2], match[4], match[3]):
        return None
    return {"number": int(match[1]), "hash": match[2]}


def is_signed(seal_hash, signature, signer):
    return verify_ed25519(
        bytes.fromhex(signer), bytes.fromhex(signature), b"serviceflow-seal " + seal_hash.encode()
    )


def check_seals(source, needed, checkpoint, keys):
    """The seals that are needed, by their number; how many are signed, and there; the last of them, if any."""
    found, signed, total, before = {}, 0, 0, None
    while line := source.readline(LONGEST):
        seal = whole(read_json(line.decode()), "a seal")
        number = seal["number"]
        expected = before["number"] + 1 if before else number
        header = json.dumps({name: seal[name] for name in HEADER}, sort_keys=True)
        if number != expected:
            raise Fault(f"seal {expected}: it is missing")
        if sha256(header.encode()).hex() != seal["hash"]:
            raise Fault(f"seal {number}: it was changed after it was made")
        if before and seal["previous"] != before["hash"]:
            raise Fault(f"seal {number}: it is not chained to the one before")
        if checkpoint and checkpoint["number"] == number and checkpoint["hash"] != seal["hash"]:
            raise Fault(f"seal {number}: it is not the one of the checkpoint")
        if seal["signer"]:
            signed += 1
            if not is_signed(seal["hash"], seal["signature"], seal["signer"]):
                raise Fault(f"seal {number}: its signature is wrong")
            if keys and seal["signer"] not in keys:
                raise Fault(
                    f"seal {number}: it is signed by {seal['signer']}, and not by a key that was given"
                )
        elif seal["signature"] or (before and before["signer"]):
            raise Fault(f"seal {number}: it is not signed")
        total += 1
        if number in needed:
            found[number] = seal
        before = seal
    if missing := sorted(needed - found.keys()):
        raise Fault(f"seal {missing[0]}: it is missing")
    if keys and not (before and before["signer"]):
        raise Fault("the seals are not signed")
    return found, signed, total, before


# --- Events ---------------------------------------------------------------------------------------------

ADDED = {"comment", "attachments"}  # what an event says to have added rather than changed
EMPTY = {list: [], str: ""}  # what a field holds before its first event, where that is not null


def check_events(ticket, events, seals, sealed_to):
    """The state in which the events end."""
    state, last, unsealed = {}, None, False
    if not events:
        raise Fault("the ticket has no history at all")
    for seq, event in enumerate(events, start=1):
        here = f"event {event['id']}, seq {event['seq']}"
        row = {name: value for name, value in event.items() if name not in {"id", "digest", "proof"}}
        if sha256(json.dumps(row, sort_keys=True).encode()).hex() != event["digest"]:
            raise Fault(f"{here}: the row was changed after it was written")
        if (event["subject_type"], event["subject_id"]) != ("ticket", ticket["id"]):
            raise Fault(f"{here}: it is of something else")
        if event["seq"] != seq or (last is not None and event["id"] <= last):
            raise Fault(f"{here}: seq {seq} was to come here")
        if event["proof"]:
            if unsealed:
                raise Fault(f"{here}: it is sealed, though one before it is not")
            check_path(event, seals, here)
        elif sealed_to is not None and event["id"] <= sealed_to:
            raise Fault(f"{here}: it is not sealed, though the seals are about later ones")
        unsealed = not event["proof"]
        for field, (old, new) in event["changes"].items():
            if field in ADDED:
                continue
            before = state.get(field, EMPTY.get(type(essence(old))))
            if before != essence(old):
                raise Fault(f"{here}: {field} was {before!r}, not {essence(old)!r}")
            state[field] = essence(new)
        last = event["id"]
    return state


def check_path(event, seals, here):
    """The tree is that of RFC 6962: what has no neighbour goes up as it is."""
    proof = whole(event["proof"], "a proof")
    seal = seals[proof["seal"]]
    index, width, path = proof["index"], seal["count"], [bytes.fromhex(each) for each in proof["path"]]
    number = event["id"].to_bytes(8, "big", signed=True)
    node = sha256(b"\0", bytes.fromhex(proof["salt"]), number, sha256(event["digest"].encode()))
    holds = 0 <= index < width and seal["first_event"] <= event["id"] <= seal["last_event"]
    while holds and width > 1:
        if index ^ 1 < width:
            if not path:
                break
            neighbour = path.pop(0)
            node = sha256(b"\1", neighbour, node) if index % 2 else sha256(b"\1", node, neighbour)
        index, width = index // 2, (width + 1) // 2
    if not holds or width != 1 or path or node.hex() != seal["root"]:
        raise Fault(f"{here}: it is not the one that was sealed in seal {seal['number']}")


def essence(value):
    """A reference {id, name} without its name, which may have changed since."""
    if isinstance(value, dict) and "id" in value:
        rest = {name: essence(part) for name, part in value.items() if name != "name"}
        return rest if len(rest) > 1 else value["id"]
    if isinstance(value, list):
        parts = [essence(part) for part in value]
        rows = all(isinstance(part, dict) and "id" in part for part in parts)
        return sorted(parts, key=lambda part: str(part["id"])) if rows else parts
    return value


# --- The present ------------------------------------------------------------------------------------------


def check_present(ticket, events, state):
    last = events[-1]
    here = f"event {last['id']}, seq {last['seq']}"
    if ticket["version"] != last["seq"]:
        raise Fault(f"{here}: the history ends here, the ticket's version is {ticket['version']}")
    for field, value in ticket["state"].items():
        folded = state.get(field, EMPTY.get(type(essence(value))))
        if folded != essence(value):
            raise Fault(f"{here}: {field} folds to {folded!r}, the ticket says {value!r}")
    if gone := sorted(state.keys() - ticket["state"].keys()):
        raise Fault(f"{here}: {gone[0]} folds to {state[gone[0]]!r}, the ticket says nothing of it")
    if ticket["updated_at"] != last["at"] or ticket["reference"] != last["subject_name"]:
        raise Fault(
            f"{here}: the ticket is called {ticket['reference']} and was last changed {ticket['updated_at']}"
        )


def added(event, what):
    """What an event says to have added, or None."""
    return event["changes"][what][1] if what in event["changes"] else None


def check_comments(comments, events):
    written = {whole(comment, "a comment")["seq"]: comment for comment in comments}
    named = set()  # by mails that were held beside the ticket
    for event in events:
        here = f"event {event['id']}, seq {event['seq']}"
        if event["verb"] == "ticket.mail_held":
            named.add(event["comment"])
        said, comment = added(event, "comment"), written.pop(event["seq"], None)
        if (said is None) != (comment is None):
            raise Fault(f"{here}: its comment is missing" if said else f"{here}: it has brought no comment")
        if comment is None:
            continue
        content = {
            "id": comment["id"],
            "internal": comment["internal"],
            "sha256": sha256(comment["body"].encode()).hex(),
        }
        about, author = (event["actor_id"], event["at"], event["door"]), whole(comment["author"], "a person")
        if said != content or about != (author["id"], comment["created_at"], comment["source"]):
            raise Fault(f"{here}: the comment is not what its event says")
        if comment["claimed_by"] and not (
            event["verb"] == "ticket.mail_released" and comment["claimed_by"] in named
        ):
            raise Fault(f"{here}: no mail has named {comment['claimed_by']!r}")
    if written or len(comments) != len({comment["seq"] for comment in comments}):
        raise Fault("there is a comment of which no event speaks")


def check_files(files, events, pack):
    """The names of those that are not in the pack."""
    kept = {whole(file, "a file")["id"]: file for file in files}
    brought = set()
    for event in events:
        here = f"event {event['id']}, seq {event['seq']}"
        for said in added(event, "attachments") or ():
            file = kept.get(said["id"])
            if file is None or said != {
                name: file[name] for name in ("id", "name", "size", "sha256", "internal")
            }:
                raise Fault(f"{here}: the files are not what the event says")
            if event["actor_id"] != whole(file["uploader"], "a person")["id"]:
                raise Fault(f"{here}: {file['name']!r} is said to be somebody else's")
            if event["seq"] == file["seq"]:
                brought.add(file["id"])
    if len(kept) != len(files) or brought != kept.keys():
        raise Fault("there is a file of which no event speaks")
    for file in files:
        place = "files/" + file["id"] if file["state"] == "clean" else ""
        if file["path"] != place or not ID.fullmatch(file["id"]):
            raise Fault(f"file {file['id']}: it is not where it should be")
        if file["path"] and (file["sha256"], file["size"]) != measured(pack, file["path"], file["size"]):
            raise Fault(f"file {file['id']}: it is not the file that was attached")
    return [file["name"] for file in files if not file["path"]]


def measured(pack, name, most):
    """The digest and size of a file, which is not read much further than it should be long."""
    digest, size = hashlib.sha256(), 0
    with pack.opened(name) as source:
        while size <= most and (piece := source.read(io.DEFAULT_BUFFER_SIZE * 16)):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size


# --- Ed25519, as in RFC 8032 ---------------------------------------------------------------------------------

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)  # of -1


def recovered_x(y, sign):
    """None if there is no such point."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def point(text):
    """In extended coordinates (X, Y, Z, T); None for what is no point."""
    number = int.from_bytes(text, "little")
    y = number & (1 << 255) - 1
    x = recovered_x(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % P)


def plus(one, other):
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def verify_ed25519(public, signature, message):
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment = point(public), point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= Q:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    # scalar * BASE - challenge * key, both in one go, must be the commitment.
    minus = (P - key[0], key[1], key[2], P - key[3])
    summands = (None, BASE, minus, plus(BASE, minus))
    total = (0, 1, 1, 0)
    for bit in range(255, -1, -1):
        total = plus(total, total)
        if summand := summands[(scalar >> bit & 1) + 2 * (challenge >> bit & 1)]:
            total = plus(total, summand)
    return not ((total[0] - commitment[0] * total[2]) % P or (total[1] - commitment[1] * total[2]) % P)


if __name__ == "__main__":
    sys.exit(main())
