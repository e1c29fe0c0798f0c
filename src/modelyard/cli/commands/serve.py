"""``modelyard serve``: releases behind HTTP on this machine."""

from __future__ import annotations

import argparse


class Serve:
    name = "serve"
    summary = "answer over HTTP: Open Inference Protocol v2 and, for text generation, OpenAI's"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("release", nargs="+", metavar="NAME[@ALIAS|:VERSION]", help="releases in the yard")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument(
            "--port", type=int, default=8080, help="port to listen on, 0 for a free one (default: 8080)"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.core.predictor import Predictor
        from modelyard.serve.hosting import Hosted
        from modelyard.serve.server import run
        from modelyard.yard.yard import Yard

        yard = Yard.default()
        hosted = []
        for version in [yard.resolve(reference) for reference in arguments.release]:
            model = yard.model(version)
            about = {"digest": model.digest, "verdict": version.verdict.value, "base": model.base}
            hosted.append(Hosted(version.name, str(version.number), Predictor(model), about))
        run(hosted, host=arguments.host, port=arguments.port)
        return 0
