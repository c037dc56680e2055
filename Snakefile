# The whole way: train, transplant, simulate, compare, draw. Every rule is one command that also runs by hand.
#
#   make study [PROFILE=quick|full]
#
# All that a profile makes lies below results/<profile>. Snakemake does not know what a command imports, so each rule names
# its modules, and `code` adds all that those import; `data` makes a rule run again when data come or go. `resources` are what
# a cluster is asked for (memory in MB, minutes; profiles/slurm has those of the other rules); one machine takes no notice of them.
import dataclasses
import json
import sys
from pathlib import Path

SOURCE = Path(workflow.basedir)
sys.path.insert(0, str(SOURCE))

from study.manifest import find
from study.sources import imported_modules as code
from trained.configurations import named_config

# Measures of likeness that `metrics` sweeps: one of each kind of `analysis.compare.METRICS`, but kendall-tau-a, which takes hours.
METRICS = ["spearman", "rho-a", "pearson", "cosine", "linear-cka", "whitened-correlation", "debiased-cka"]
PROFILES = {
    # scenes: experiment compared with the mouse; digits: experiment judged by FAD; hours: limit of one training run on a cluster
    "tiny": dict(scenes="tiny-patches", digits="tiny-digits", size=16, seeds=1, samples=256, bootstrap=50, verify=4, twins=1, ladder=1, hours=1,
                 levels=["exact", "lif"], metrics=["spearman", "debiased-cka"], backend="--backend numpy", dt="--dt-ms 15.625"),
    "quick": dict(scenes="quick-patches", digits="quick-digits", size=32, seeds=1, samples=5120, bootstrap=1000,
                  verify=32, twins=5, ladder=3, hours=4, levels=["exact", "lif"], metrics=METRICS, backend="", dt=""),
    "full": dict(scenes="patches", digits="mnist", size=32, seeds=5, samples=5120, bootstrap=10000, verify=128, twins=5, ladder=5, hours=48,
                 levels=["exact", "lif"], metrics=METRICS, backend="", dt=""),
}
VARIANTS = ["sgad", "sgad-mean", "untrained"]
TRAINED = ["sgad", "sgad-mean"]
FIGURES = ["fig0_way", "fig1_samples", "fig2_rasters", "fig3_rdms", "fig4_alignment", "fig5_levels", "fig7_sites"]
profile = config.get("profile", "quick")
P = PROFILES[profile]
R = f"results/{profile}"


def models(experiment, variants):
    return [f"{experiment}/{variant}/seed-{n}" for variant in variants for n in range(P["seeds"])]


def response(model, network, level):
    return f"{R}/responses/{model}--{network}--{level}.nc"


def data(*names):
    return {name: "present" if find(name) else "absent" for name in names}


def named(wildcards, input):
    """Return NAME=FILE of every responses file."""
    return [f"{f.removeprefix(R + '/responses/').split('--')[0]}={f}" for f in input.responses]


def settings(wildcards):
    """Return the configuration of a run: when it changes, the run is another."""
    name = f"{wildcards.experiment}/{wildcards.variant}"
    return json.dumps(dataclasses.asdict(named_config(name)), sort_keys=True)


def shown(wildcards):
    """Critics see the scenes; generators are given latents."""
    return f"{R}/stimuli.nc" if wildcards.network == "critic" else f"{R}/latents/{wildcards.model}.nc"


SCENE_MODELS = models(P["scenes"], VARIANTS)
DIGIT_MODELS = models(P["digits"], TRAINED)
SHOWN = [f"{P['scenes']}/sgad/seed-0", f"{P['digits']}/sgad/seed-0"]  # drawn beside torch
COMPARED = [response(m, n, level) for m in SCENE_MODELS for n in ("critic", "generator") for level in P["levels"]]
DRAWN = [response(SHOWN[1], "generator", level) for level in (*P["levels"], "torch")]
DRAWN += [response(SHOWN[0], network, "torch") for network in ("critic", "generator")]
# Critics of the question what spikes do and what the objective does: trained alike, seen by torch.
TWINS = [
    f"patches-twins/{critic}-{way}/seed-{n}"
    for critic in ("spiking", "quantised", "analog")
    for way in ("em", "bce", "untrained")
    for n in range(P["twins"])
]
SEEN = [response(model, "critic", "torch") for model in TWINS]
# Networks that climb the ladder of levels.
CLIMBED = [
    f"{R}/fidelity/{P['scenes']}--sgad--seed-{n}--{network}.csv" for n in range(P["ladder"]) for network in ("critic", "generator")
]
VERIFIED = expand(f"{R}/verify/{{model}}.txt", model=SHOWN)


wildcard_constraints:
    model=r"[\w-]+/[\w-]+/seed-\d+",
    network="critic|generator",
    level="exact|lif",
    metric=r"[\w-]+",


rule all:
    input: f"{R}/summary.txt", f"{R}/report.html"

rule train:
    input: code("trained.runs")
    output: f"{R}/runs/{{experiment}}/{{variant}}/seed-{{seed}}/model.safetensors"
    params: settings=settings
    threads: 2
    resources: mem_mb=8000, runtime=60 * P["hours"]
    shell: f"python -m trained train --config {{wildcards.experiment}}/{{wildcards.variant}} --seed {{wildcards.seed}} --out {R}/runs --if-changed restart"

rule export:
    input: f"{R}/runs/{{model}}/model.safetensors", code("trained.export")
    output: f"{R}/runs/{{model}}/generator.safetensors", f"{R}/runs/{{model}}/critic.safetensors"
    shell: f"python -m trained export {R}/runs/{{wildcards.model}}"

rule verify:
    input: f"{R}/runs/{{model}}/generator.safetensors", f"{R}/runs/{{model}}/critic.safetensors", code("bio.verify", "bio.levels")
    output: f"{R}/verify/{{model}}.txt"
    params: n=P["verify"], backend=P["backend"]
    resources: mem_mb=8000, runtime=240
    shell: f"python -m bio verify {R}/runs/{{wildcards.model}} --stimuli-count {{params.n}} {{params.backend}} --out {{output}}"

rule stimuli:
    input: code("analysis.command_stimuli")
    output: f"{R}/stimuli.nc"
    params: size=P["size"], data=data("allen-natural-scenes", "allen-site-similarity")
    shell: "python -m analysis stimuli --size {params.size} --fit crop --out {output}"

rule recording:
    input: f"{R}/stimuli.nc", code("analysis.command_record"), SOURCE / "analysis/inclusion.csv"
    output: f"{R}/recording.nc"
    params: data=data("allen-natural-scenes", "allen-site-similarity")
    shell: "python -m analysis record --source auto --stimuli {input[0]} --out {output}"

rule invert:
    input: f"{R}/runs/{{model}}/model.safetensors", f"{R}/stimuli.nc", code("trained.inversion")
    output: f"{R}/latents/{{model}}.nc"
    wildcard_constraints: model=f"{P['scenes']}/.*"
    threads: 2
    resources: mem_mb=4000, runtime=240
    shell: f"python -m trained invert {R}/runs/{{wildcards.model}} --images {{input[1]}} --out {{output}}"

rule latents:
    input: f"{R}/runs/{{model}}/model.safetensors", code("trained.runs")
    output: f"{R}/latents/{{model}}.nc"
    wildcard_constraints: model=f"{P['digits']}/.*"
    shell: f"python -m trained latents {R}/runs/{{wildcards.model}} --count 64 --out {{output}}"

rule respond:
    input: f"{R}/runs/{{model}}/model.safetensors", shown, code("trained.responses")
    output: f"{R}/responses/{{model}}--{{network}}--torch.nc"
    shell: f"python -m trained respond {R}/runs/{{wildcards.model}} --network {{wildcards.network}} --stimuli {{input[1]}} --out {{output}}"

rule simulate:
    input: f"{R}/runs/{{model}}/{{network}}.safetensors", shown, code("bio.simulate", "bio.levels", "bio.backends")
    output: f"{R}/responses/{{model}}--{{network}}--{{level}}.nc"
    params: backend=P["backend"], dt=P["dt"]
    resources: mem_mb=8000, runtime=240
    shell: f"python -m bio simulate {R}/runs/{{wildcards.model}} --network {{wildcards.network}} --level {{wildcards.level}} {{params.backend}} {{params.dt}} --stimuli {{input[1]}} --out {{output}}"

rule evaluate:
    input:
        code("trained.evaluation"),
        runs=expand(f"{R}/runs/{{model}}/model.safetensors", model=DIGIT_MODELS + SCENE_MODELS),
    output: f"{R}/metrics.csv"
    params:
        samples=P["samples"],
        folders=lambda wildcards, input: [Path(f).parent for f in input.runs],
        data=data("fad-mnist-autoencoder", "fad-mnist-statistics"),
    threads: 2
    resources: mem_mb=8000, runtime=240
    shell: "python -m trained evaluate {params.folders} --samples {params.samples} --out {output}"

rule rsa:
    input:
        code("analysis.command_rsa"),
        recording=f"{R}/recording.nc",
        images=f"{R}/stimuli.nc",
        responses=COMPARED,
    output: table=f"{R}/rsa.csv", rdms=f"{R}/rdms.nc"
    params:
        bootstrap=P["bootstrap"],
        named=named,
    resources: mem_mb=4000, runtime=480
    shell: "python -m analysis rsa --recording {input.recording} --images {input.images} --responses {params.named} --bootstrap {params.bootstrap} --permutations {params.bootstrap} --out {output.table} --rdms {output.rdms}"

# Not part of `make study`: python -m study run -- twins
rule twins:
    input: f"{R}/twins/rsa.csv"

rule rsa_twins:
    input:
        code("analysis.command_rsa"),
        recording=f"{R}/recording.nc",
        images=f"{R}/stimuli.nc",
        responses=SEEN,
    output: table=f"{R}/twins/rsa.csv", rdms=f"{R}/twins/rdms.nc"
    params:
        bootstrap=P["bootstrap"],
        named=named,
    resources: mem_mb=4000, runtime=480
    shell: "python -m analysis rsa --recording {input.recording} --images {input.images} --responses {params.named} --bootstrap {params.bootstrap} --permutations {params.bootstrap} --out {output.table} --rdms {output.rdms}"

# Not part of `make study`: python -m study run -- metrics. Layers and sites are swept inside each step.
rule metrics:
    input: expand(f"{R}/metrics/{{metric}}/rsa.csv", metric=P["metrics"])

rule rsa_metric:
    input:
        code("analysis.command_rsa"),
        recording=f"{R}/recording.nc",
        images=f"{R}/stimuli.nc",
        responses=COMPARED,
    output: f"{R}/metrics/{{metric}}/rsa.csv"
    params: bootstrap=P["bootstrap"], named=named
    resources: mem_mb=4000, runtime=480
    shell: "python -m analysis rsa --metric {wildcards.metric} --recording {input.recording} --images {input.images} --responses {params.named} --bootstrap {params.bootstrap} --permutations {params.bootstrap} --out {output}"

# Not part of `make study`: python -m study run -- ladder
rule ladder:
    input: f"{R}/figures/fig6_ladder.png"

rule fidelity:
    input: f"{R}/runs/{{experiment}}/{{variant}}/seed-{{seed}}/{{network}}.safetensors", code("bio.command_ladder", "bio.levels", "bio.backends")
    output: f"{R}/fidelity/{{experiment}}--{{variant}}--seed-{{seed}}--{{network}}.csv"
    params: gains=f"{R}/fidelity/gains/{{experiment}}/{{variant}}/seed-{{seed}}"
    resources: mem_mb=8000, runtime=720
    shell: f"python -m bio fidelity {R}/runs/{{wildcards.experiment}}/{{wildcards.variant}}/seed-{{wildcards.seed}} --network {{wildcards.network}} --gains {{params.gains}} --count 48 --held-out 24 --out {{output}}"

rule draw_ladder:
    input: CLIMBED, f"{R}/recording.nc", f"{R}/stimuli.nc", code("analysis.command_figures"), SOURCE / "analysis/study.mplstyle"
    output: expand(f"{R}/figures/fig6_ladder.{{kind}}", kind=["png", "svg"])
    shell: f"python -m analysis figures --results {R} fig6_ladder"

rule figures:
    input: f"{R}/rsa.csv", f"{R}/rdms.nc", COMPARED, DRAWN, code("analysis.command_figures"), SOURCE / "analysis/study.mplstyle"
    output: expand(f"{R}/figures/{{figure}}.{{kind}}", figure=FIGURES, kind=["png", "svg"])
    shell: f"python -m analysis figures --results {R} {' '.join(FIGURES)}"

rule report:
    input: rules.figures.output, f"{R}/metrics.csv", VERIFIED, code("analysis.command_report"), SOURCE / "analysis/report.html.j2"
    output: f"{R}/report.html"
    shell: f"python -m analysis report --results {R} --out {{output}}"

rule summary:
    input: f"{R}/rsa.csv", f"{R}/metrics.csv", VERIFIED, rules.figures.output, code("analysis.command_summary")
    output: f"{R}/summary.txt"
    shell: f"python -m analysis summary --results {R} --out {{output}}"
