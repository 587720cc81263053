"""The child process of the embedded backend: a llama.cpp server on a free port of 127.0.0.1.

Run by file, as its own process: it imports nothing of ours, so that it starts fast and a crash of the C++ side stays
here. It reads its settings as one JSON line from standard input and prints one line, `READY {"url": …}`, when the model
is loaded. Standard input then stays open as a life line: its end means that the parent is gone, however it died.
"""

import json
import os
import sys
from typing import Any


def params(settings: dict[str, Any]) -> Any:
    """llama.cpp's parameters for one model that answers chats and embeddings alike."""
    import xllamacpp

    found = xllamacpp.CommonParams()
    found.model.path = settings["model_file"]
    found.model_alias = {settings["alias"]}
    found.hostnames = ["127.0.0.1"]
    found.port = 0
    found.n_parallel = settings["slots"]
    found.n_ctx = settings["context"]
    # Embeddings of one input must fit one physical batch (docs/backends.md, llama.cpp): as large as a slot's context.
    found.n_ubatch = found.n_batch = max(512, settings["context"] // settings["slots"])
    # One core stays free for the gateway. llama.cpp's threads wait for each other by spinning: with as many as cores,
    # any other work on the machine slows it down tenfold (measured: 2 tokens/s instead of 20 on two busy cores).
    found.cpuparams.n_threads = found.cpuparams_batch.n_threads = max(1, cores() - 1)
    if settings["embeddings"]:
        found.embedding = True
        found.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    found.cache_ram_mib = 512
    found.ui = False
    found.cors_origins = ""
    return found


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """Loads the model, says where it listens, then waits for the end of standard input."""
    # llama.cpp logs from its own threads, half lines too: standard output is for READY alone.
    with os.fdopen(os.dup(1), "w") as told:
        os.dup2(2, 1)
        settings = json.loads(sys.stdin.readline())
        import xllamacpp

        server = xllamacpp.Server(params(settings))
        told.write(f"READY {json.dumps({'url': server.listening_address})}\n")
    sys.stdin.read()
    os._exit(0)  # the server's own threads would wait for running requests


if __name__ == "__main__":
    main()
