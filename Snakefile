# The whole way: train, transplant, simulate, compare, draw. Every rule is one command that also runs by hand.
#
#   make study [PROFILE=quick|full]
#
# Each rule lists the modules that its command imports, because Snakemake does not know them otherwise.
from pathlib import Path

SOURCE = Path(workflow.basedir)
PROFILES = {
    # scenes: experiment compared with the mouse; digits: experiment judged by FAD
    "tiny": dict(scenes="tiny-patches", digits="tiny-digits", size=16, digit_size=16, seeds=1, samples=256,
                 bootstrap=50, verify=4, levels=["exact", "lif"], simulate="--backend numpy --dt-ms 15.625",
                 check="--backend numpy"),
    "quick": dict(scenes="quick-patches", digits="quick-digits", size=32, digit_size=28, seeds=1, samples=5120,
                  bootstrap=1000, verify=32, levels=["exact", "lif"], simulate="", check=""),
    "full": dict(scenes="patches", digits="mnist", size=32, digit_size=28, seeds=5, samples=5120,
                 bootstrap=10000, verify=128, levels=["exact", "lif"], simulate="", check=""),
}
VARIANTS = ["sgad", "sgad-mean", "untrained"]
TRAINED = ["sgad", "sgad-mean"]
FIGURES = ["fig0_way", "fig1_samples", "fig2_rasters", "fig3_rdms", "fig4_alignment", "fig5_levels"]
profile = config.get("profile", "quick")
P = PROFILES[profile]
SEEDS = [f"seed-{n}" for n in range(P["seeds"])]
R = f"results/{profile}"


def models(experiment, variants):
    return [f"{experiment}/{variant}/{seed}" for variant in variants for seed in SEEDS]


SCENE_MODELS = models(P["scenes"], VARIANTS)
DIGIT_MODELS = models(P["digits"], TRAINED)
SHOWN = [f"{P['scenes']}/sgad/seed-0", f"{P['digits']}/sgad/seed-0"]  # drawn beside torch


def code(*packages):
    """Return the modules of packages, or single modules given as package/module.py."""
    found = []
    for package in packages:
        path = SOURCE / package
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return [str(path) for path in found]


def response(model, network, level):
    return f"{R}/responses/{model}--{network}--{level}.nc"


SHARED = code("study/network.py", "study/stimuli.py", "study/responses.py", "study/netcdf.py", "study/images.py")
TRAINING = code(*(f"trained/{m}.py" for m in (
    "config", "data", "decoder", "network", "neuron", "objective", "surrogate", "training")))
RECORDING = code(*(f"analysis/{m}.py" for m in (
    "recordings", "recording_file", "site_source", "session_source", "simulated_source")))
SIMULATED = [
    response(m, n, level) for m in SCENE_MODELS for n in ("critic", "generator") for level in P["levels"]
] + [response(SHOWN[1], "generator", level) for level in P["levels"]]
IN_TORCH = [response(SHOWN[0], n, "torch") for n in ("critic", "generator")] + [response(SHOWN[1], "generator", "torch")]


wildcard_constraints:
    model=r"[\w-]+/[\w-]+/seed-\d+",
    network="critic|generator",
    level="exact|lif",


rule all:
    input: f"{R}/summary.txt", f"{R}/report.html"

rule train:
    input: TRAINING, SHARED
    output: "runs/{experiment}/{variant}/seed-{seed}/model.safetensors"
    threads: 2
    shell: "python -m trained train --config {wildcards.experiment}/{wildcards.variant} --seed {wildcards.seed} --out runs --if-changed restart"

rule export:
    input: "runs/{model}/model.safetensors", code("trained/export.py"), SHARED
    output: "runs/{model}/generator.safetensors", "runs/{model}/critic.safetensors"
    shell: "python -m trained export runs/{wildcards.model}"

rule verify:
    input: "runs/{model}/generator.safetensors", "runs/{model}/critic.safetensors", code("bio", "trained/trace.py")
    output: f"{R}/verify/{{model}}.txt"
    params: n=P["verify"], choices=P["check"]
    shell: "python -m bio verify runs/{wildcards.model} --stimuli-count {params.n} {params.choices} > {output}.part && mv {output}.part {output}"

rule stimuli:
    input: code("analysis/scenes.py"), SHARED
    output: f"{R}/stimuli.nc"
    params: size=P["size"]
    shell: "python -m analysis stimuli --size {params.size} --fit crop --out {output}"

rule recording:
    input: f"{R}/stimuli.nc", RECORDING, SHARED
    output: f"{R}/recording.nc"
    shell: "python -m analysis record --source auto --stimuli {input[0]} --out {output}"

rule invert:
    input: "runs/{model}/model.safetensors", f"{R}/stimuli.nc", code("trained/inversion.py"), SHARED
    output: f"{R}/latents/{{model}}.nc"
    wildcard_constraints: model=f"{P['scenes']}/.*"
    threads: 2
    shell: "python -m trained invert runs/{wildcards.model} --images {input[1]} --out {output}"

rule latents:
    input: "runs/{model}/model.safetensors", SHARED
    output: f"{R}/latents/{{model}}.nc"
    wildcard_constraints: model=f"{P['digits']}/.*"
    shell: "python -m trained latents runs/{wildcards.model} --count 64 --out {output}"


def shown(wildcards):
    """Critics see the scenes; generators are given latents."""
    return f"{R}/stimuli.nc" if wildcards.network == "critic" else f"{R}/latents/{wildcards.model}.nc"


rule respond:
    input: "runs/{model}/model.safetensors", shown, code("trained/responses.py", "trained/trace.py"), SHARED
    output: f"{R}/responses/{{model}}--{{network}}--torch.nc"
    shell: "python -m trained respond runs/{wildcards.model} --network {wildcards.network} --stimuli {input[1]} --out {output}"

rule simulate:
    input: "runs/{model}/{network}.safetensors", shown, code("bio"), SHARED
    output: f"{R}/responses/{{model}}--{{network}}--{{level}}.nc"
    params: choices=P["simulate"]
    shell: "python -m bio simulate runs/{wildcards.model} --network {wildcards.network} --level {wildcards.level} {params.choices} --stimuli {input[1]} --out {output}"

rule evaluate:
    input:
        code("trained/evaluation.py", "trained/fad.py"),
        runs=expand("runs/{model}/model.safetensors", model=DIGIT_MODELS + SCENE_MODELS),
    output: f"{R}/metrics.csv"
    params: samples=P["samples"], folders=lambda wildcards, input: [Path(f).parent for f in input.runs]
    threads: 2
    shell: "python -m trained evaluate {params.folders} --samples {params.samples} --out {output}"

rule rsa:
    input:
        code("analysis"),
        recording=f"{R}/recording.nc",
        images=f"{R}/stimuli.nc",
        responses=[response(m, n, level) for m in SCENE_MODELS for n in ("critic", "generator") for level in P["levels"]],
    output: table=f"{R}/rsa.csv", rdms=f"{R}/rdms.nc"
    params:
        bootstrap=P["bootstrap"],
        named=lambda wildcards, input: [
            f"{f.removeprefix(R + '/responses/').split('--')[0]}={f}" for f in input.responses
        ],
    shell: "python -m analysis rsa --recording {input.recording} --images {input.images} --responses {params.named} --bootstrap {params.bootstrap} --permutations {params.bootstrap} --out {output.table} --rdms {output.rdms}"

rule figures:
    input: f"{R}/rsa.csv", f"{R}/rdms.nc", f"{R}/metrics.csv", SIMULATED, IN_TORCH, SOURCE / "analysis/study.mplstyle"
    output: expand(f"{R}/figures/{{figure}}.{{kind}}", figure=FIGURES, kind=["png", "svg"])
    shell: f"python -m analysis figures --results {R} {' '.join(FIGURES)}"

rule report:
    input: rules.figures.output, expand(f"{R}/verify/{{model}}.txt", model=SHOWN), SOURCE / "analysis/report.html.j2"
    output: f"{R}/report.html"
    shell: f"python -m analysis report --results {R} --out {{output}}"

rule summary:
    input: f"{R}/rsa.csv", f"{R}/metrics.csv", expand(f"{R}/verify/{{model}}.txt", model=SHOWN), f"{R}/report.html"
    output: f"{R}/summary.txt"
    shell: f"python -m analysis summary --results {R} --out {{output}}"
