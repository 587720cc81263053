"""Seeds that once broke something: they run at every `make test`, with what they found."""

FOUND: dict[int, str] = {
    26: "the spool was emptied after the first bill of a batch that is replayed one by one",
    39: "the same, while the owner posts",
    194: "a new process declared the others dead before they could renew their leases after an outage",
    209: "a renewal that failed was tried again only 5 s later, until the lease had run out",
    390: "a recovery that failed at the start was not tried again before the lease of the dead had run out",
    12876: "a renewal in line behind a bill that failed was thrown away untried",
    275: "a renewal stood behind so many bills, written one by one, that the lease ran out",
    366: "the same",
}
