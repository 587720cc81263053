"""One cluster of each kind, and which of all the cases `make test` has the time for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.torture.cluster import FULL, Cluster, cluster

KINDS = ["sqlite", "sqlite-2", "postgres-2"]
SHRUNK = (
    "test_kill_at_random_moments[sqlite]",
    "test_every_named_place_to_die_at[sqlite-before-settle-answer]",
    "test_streams_that_the_client_cuts[sqlite-2]",
    "test_sigterm_cuts_no_stream[postgres-2]",
    "test_a_rolling_restart_fails_no_request[postgres-2]",
    "test_a_price_that_changes_in_mid_stream_is_for_later_requests[sqlite]",
    "test_two_hundred_at_once_on_money_for_fifty[postgres-2]",
    "test_what_costs_less_than_its_hold_adds_up[sqlite]",
    "test_ten_thousand_mixed_endings_leave_nothing_held[sqlite]",
    "test_a_backend_that_answers_500_is_left_and_used_again_when_it_is_well[sqlite]",
    "test_a_backend_that_answers_500_is_left_and_used_again_when_it_is_well[sqlite-2]",
    "test_what_one_process_finds_out_about_a_backend_the_other_one_knows",
    "test_a_backend_that_is_killed_under_fifty_streams",
    "test_streams_that_are_left_free_the_slots_of_a_real_llama_cpp",
    "test_of_three_hundred_requests_exactly_the_hundred_of_a_key_pass[postgres-2]",
    "test_one_account_and_everybody_at_once[postgres-2]",
    "test_far_more_clients_than_the_queue_holds_are_refused_at_once[sqlite-2]",
    "test_one_request_waits_for_two_service_times_behind_four_hundred_of_another[sqlite]",
    "test_weights_of_one_and_three_are_served_one_to_three[postgres-2]",
    "test_a_drained_backend_gets_nothing_in_any_process_within_five_seconds[sqlite-2]",
    "test_a_revoked_key_is_refused_by_every_process_within_five_seconds[postgres-2]",
    "test_a_backends_pace_holds_over_all_processes[sqlite-2]",
    "test_a_backends_pace_holds_over_all_processes[postgres-2]",
    "test_who_alone_lost_the_database_ends_its_streams_before_others_get_its_slots",
    "test_the_slots_and_holds_of_a_killed_process_are_free_within_two_seconds[sqlite-2]",
    "test_the_slots_and_holds_of_a_killed_process_are_free_within_two_seconds[postgres-2]",
    "test_a_process_that_stands_still_keeps_its_slots_and_ends_what_it_had[postgres-2]",
    "test_settle_void_and_expiry_of_one_hold_have_one_effect[sqlite]",
)
"""`make torture` runs all of them, each at its full size."""


@pytest.fixture(params=KINDS)
async def gates(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
    """Not started yet."""
    database = f"sqlite:///{tmp_path}/aethergate.db"
    if request.param == "postgres-2":
        database = request.getfixturevalue("postgres_url")
    async with cluster(request.param, tmp_path, database) as found:
        yield found


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what only `make torture` has the time for."""
    folder = Path(__file__).parent
    mine = [item for item in items if item.path.parent == folder]
    if FULL:
        for item in mine:
            item.add_marker(pytest.mark.timeout(3_600))
        return
    left_out = [item for item in mine if item.name not in SHRUNK]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]
