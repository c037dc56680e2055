"""`python -m trained`: train, resume, evaluate, sample, export, respond, invert."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import xarray as xr

from study.commands import Parser, run
from study.files import sha256
from study.network import ROLES
from study.provenance import provenance
from study.responses import save_responses
from study.stimuli import Stimuli, load_stimuli, save_stimuli
from trained import checkpoint, comparison, evaluation, export, inversion, parallel, process, responses, runs
from trained.config import RunConfig, override
from trained.configurations import CONFIGS, named_config
from trained.gan_network import GanModel
from trained.generator_inputs import generator_inputs
from trained.sheet import save_sheet
from trained.ttfs.judge import N_JUDGED, judge_run
from trained.ttfs.table import table


def _train(arguments: argparse.Namespace) -> None:
    config = override(named_config(arguments.config), arguments.set)
    folder = runs.run_folder(arguments.out, config, arguments.seed)
    runs.train(config, arguments.seed, folder, arguments.if_changed, arguments.device)
    _say_where(config, arguments.seed, folder)


def _resume(arguments: argparse.Namespace) -> None:
    config, seed = runs.stored_config(arguments.run)
    config = override(config, arguments.set)
    runs.train(config, seed, arguments.run, "continue", arguments.device)
    _say_where(config, seed, arguments.run)


def _say_where(config: RunConfig, seed: int, folder: Path) -> None:
    if parallel.is_first():
        print(f"{config.name} seed {seed} -> {folder}")


def _evaluate(arguments: argparse.Namespace) -> None:
    judges = evaluation.Judges.find(arguments.inception, arguments.classifier, arguments.autoencoder)
    rows = [row for folder in arguments.run for row in evaluation.evaluate(folder, arguments.samples, judges)]
    for row in rows:
        print(f"{row['model']}: {row['measure']} {row['value']} (n = {row['n']}; {row['detail']})")
    if arguments.out:
        evaluation.write_rows(rows, arguments.out)


def _table(arguments: argparse.Namespace) -> None:
    measures = [comparison.Measure.parse(text) for text in arguments.measure]
    print("\n".join(comparison.table(arguments.file, measures, arguments.against)))


def _ttfs_table(arguments: argparse.Namespace) -> None:
    print("\n".join(table(arguments.run, arguments.split)))


def _ttfs_judge(arguments: argparse.Namespace) -> None:
    for row in judge_run(arguments.run, arguments.classifier, arguments.samples):
        print(f"{row['measure']} {row['value']} (n = {row['n']}; {row['detail']})")


def _sample(arguments: argparse.Namespace) -> None:
    model = runs.load_model(arguments.run)
    save_sheet(model.sample(arguments.count, arguments.seed), arguments.out)
    print(f"{arguments.count} samples -> {arguments.out}")


def _export(arguments: argparse.Namespace) -> None:
    for folder in arguments.run:
        for path in export.export_run(folder):
            print(f"exported {path}")


def _respond(arguments: argparse.Namespace) -> None:
    save_responses(responses.respond(arguments.run, arguments.network, arguments.stimuli), arguments.out)
    print(f"torch responses of the {arguments.network} -> {arguments.out}")


def _gan(run: Path) -> GanModel:
    model = runs.load_model(run)
    if not isinstance(model, GanModel):
        raise ValueError(f"{run} holds a {model.config.family}; a GAN with its latents is needed here.")
    return model


def _latents(arguments: argparse.Namespace) -> None:
    model = runs.load_model(arguments.run)
    stimuli = generator_inputs(model, arguments.count, arguments.seed)
    facts = provenance(inputs={"model": arguments.run / checkpoint.MODEL_FILE}, seed=arguments.seed)
    facts |= {**stimuli.attributes, "name": model.config.name}
    save_stimuli(dataclasses.replace(stimuli, attributes=facts), arguments.out)
    print(f"{arguments.count} latents ({stimuli.attributes['made_by']}) -> {arguments.out}")


def _invert(arguments: argparse.Namespace) -> None:
    model = _gan(arguments.run)
    stimuli = load_stimuli(arguments.images)
    if stimuli.kind != "image":
        raise ValueError(f"--images {arguments.images} holds latents; give a file with images.")
    targets = torch.from_numpy(stimuli.values).float().unsqueeze(1)
    found = inversion.invert(model.generator, targets, arguments.seed)
    facts = provenance(
        inputs={"images": arguments.images, "model": arguments.run / checkpoint.MODEL_FILE},
        seed=arguments.seed,
    )
    errors = {name: getattr(found, name) for name in ("mse", "mse_mean_image", "mse_shuffled")}
    extra = {
        "reconstruction": xr.DataArray(found.reconstruction.squeeze(1).numpy(), dims=("stimulus", "y", "x")),
        "target": xr.DataArray(stimuli.values, dims=("stimulus", "y", "x")),
        **{name: xr.DataArray(value.numpy(), dims="stimulus") for name, value in errors.items()},
    }
    attributes = {**stimuli.attributes, **facts, "made_by": "latent inversion", "name": model.config.name}
    attributes["images_sha256"] = sha256(arguments.images)
    save_stimuli(Stimuli(found.latent.double().numpy(), stimuli.stimulus, extra, attributes), arguments.out)
    print(
        f"latent inversion of {len(targets)} images: mean squared error {errors['mse'].mean():.4f} "
        f"(mean image {errors['mse_mean_image'].mean():.4f}, latents shuffled {errors['mse_shuffled'].mean():.4f}) "
        f"-> {arguments.out}"
    )


def _show_configs(arguments: argparse.Namespace) -> None:
    for config in CONFIGS.values():
        fields = dataclasses.asdict(config)
        print(
            config.name,
            *(f"{key}={value}" for key, value in fields.items() if key not in ("experiment", "variant")),
        )


Command = Callable[[str, Callable[[argparse.Namespace], None], str], argparse.ArgumentParser]


def parser() -> Parser:
    """Return the command line."""
    top = Parser(prog="python -m trained", description="Spiking image generators in torch.")
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    def command(
        name: str, handler: Callable[[argparse.Namespace], None], text: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(handler=handler)
        return sub

    _add_training(command)
    _add_measures(command)
    _add_images(command)
    _add_networks(command)
    command("configs", _show_configs, "List the named configurations.")
    return top


def _add_training(command: Command) -> None:
    sub = command("train", _train, "Train a configuration; goes on where an interrupted run stopped.")
    sub.add_argument("--config", required=True, help="name, see `python -m trained configs`")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument(
        "--out", type=Path, default=Path("runs"), help="root of the run folders (default %(default)s)"
    )
    sub.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one field")
    sub.add_argument(
        "--if-changed",
        choices=runs.IF_CHANGED,
        default="stop",
        help="when the folder holds a run of other code",
    )
    sub.add_argument("--device", choices=parallel.DEVICES, default="cpu")
    sub = command("resume", _resume, "Go on with a run, for example longer: --set n_updates=1000.")
    sub.add_argument("run", type=Path)
    sub.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    sub.add_argument("--device", choices=parallel.DEVICES, default="cpu")


def _add_measures(command: Command) -> None:
    sub = command("evaluate", _evaluate, "Measure runs: FAD, spikes, temporal consistency, accuracy.")
    sub.add_argument("run", type=Path, nargs="+")
    sub.add_argument("--samples", type=int, default=evaluation.N_PUBLISHED)
    sub.add_argument(
        "--inception", type=Path, metavar="FILE", help="Inception's weights, for FID, KID and IS"
    )
    sub.add_argument(
        "--classifier",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="FID and KID on its features",
    )
    sub.add_argument(
        "--autoencoder", type=Path, action="append", default=[], metavar="RUN", help="FAD by one of ours"
    )
    sub.add_argument("--out", type=Path, help="CSV to write")
    sub = command(
        "table", _table, "Compare variants that `evaluate --out` measured: mean and spread over seeds."
    )
    sub.add_argument("file", type=Path, nargs="+", metavar="CSV")
    sub.add_argument(
        "--measure",
        action="append",
        required=True,
        metavar="NAME[: DETAIL]",
        help="a column; DETAIL is how the row's detail begins, such as 'FAD: legacy, batch 256'",
    )
    sub.add_argument(
        "--against", metavar="VARIANT", help="show changes from this variant, or from the `previous` row"
    )
    sub = command("ttfs-table", _ttfs_table, "Compare first-spike classifiers: accuracy, ties, time, spikes.")
    sub.add_argument("run", type=Path, nargs="+")
    sub.add_argument("--split", choices=("test", "validation"), default="test")
    sub = command("ttfs-judge", _ttfs_judge, "Let a first-spike classifier read what a first-spike GAN made.")
    sub.add_argument("run", type=Path)
    sub.add_argument("--classifier", type=Path, required=True, metavar="RUN")
    sub.add_argument("--samples", type=int, default=N_JUDGED)


def _add_images(command: Command) -> None:
    sub = command("sample", _sample, "Draw images into a PNG sheet.")
    sub.add_argument("run", type=Path)
    sub.add_argument("--count", type=int, default=64)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--out", type=Path, required=True)
    sub = command(
        "latents",
        _latents,
        "Draw latents (of a VAE: its prior's draws or spikes) into a stimuli file; those of `sample` for the same seed.",
    )
    sub.add_argument("run", type=Path)
    sub.add_argument("--count", type=int, default=64)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--out", type=Path, required=True)
    sub = command("invert", _invert, "Find the latents that come nearest to given images.")
    sub.add_argument("run", type=Path)
    sub.add_argument("--images", type=Path, required=True)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--out", type=Path, required=True)


def _add_networks(command: Command) -> None:
    sub = command("export", _export, "Write every network of a run (generator.safetensors, ...) for `bio`.")
    sub.add_argument("run", type=Path, nargs="+")
    sub = command("respond", _respond, "Show stimuli to a network in torch; write its responses.")
    sub.add_argument("run", type=Path)
    sub.add_argument("--network", choices=ROLES, required=True)
    sub.add_argument("--stimuli", type=Path, required=True)
    sub.add_argument("--out", type=Path, required=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    return run(parser(), argv, process.prepare)


if __name__ == "__main__":
    sys.exit(main())
