import importlib.util
import re
import subprocess
import sys

import numpy as np
import pytest

from bio.backends import cuda_project, cuda_standalone, find_backend
from bio.backends.compilation import run_commands
from bio.backends.cuda_host import TOOLCHAIN, host_source
from bio.backends.project import generate, standalone_device
from bio.build_cache import project_key
from bio.levels import LEVELS
from bio.simulate import simulate
from tests.bio.reference import critic, generator, inputs_for
from tests.bio.test_backends import job_of

needs_brian2cuda = pytest.mark.skipif(
    importlib.util.find_spec("brian2cuda") is None, reason="brian2cuda is not installed"
)
# brian2cuda leaves files open for Python to close.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
needs_nvcc = pytest.mark.skipif(cuda_project.toolkit() is None, reason="there is no nvcc")


def thrust():
    try:
        return cuda_project.thrust_folder()
    except ValueError:
        return None


needs_thrust = pytest.mark.skipif(
    thrust() is None, reason="CUDA's headers (nvidia-cuda-cccl) are not installed"
)


def project_of(folder, network, level, toolchain=TOOLCHAIN, n_stimuli=5):
    cuda_project.require_brian2cuda("cuda_host")
    with standalone_device(toolchain.device, toolchain.preferences()):
        project = generate(job_of(network, level, n_stimuli), folder)
        toolchain.amend(project)
    return project


def test_launches_become_calls():
    text = """
        extern __shared__ char needed[];
        extern __shared__ int* pointers[];
        fill<<<1, n>>>(a, f(b, (c)));
        brian::kernel<double><<< num_blocks,
            num_threads, bytes>>>( thrust::raw_pointer_cast(&x[0]) );
    """
    assert host_source(text).split() == (
        """
        char needed = (char*)host_shared;
        int* pointers = (int**)host_shared;
        host_launch([&](){ fill(a, f(b, (c))); }, 1, n);
        host_launch([&](){ brian::kernel<double>( thrust::raw_pointer_cast(&x[0]) ); }, num_blocks,
            num_threads, bytes);
    """.replace("char needed", "char* needed")
        .replace("int* pointers", "int** pointers")
        .split()
    )
    for odd in ("(*kernel)<<<1, 1>>>(a);", "k<<<1, 1>>>(a"):
        with pytest.raises(ValueError, match="launch"):
            host_source(odd)


@pytest.mark.parametrize("backend", ["cuda_host", "cuda_standalone"])
def test_absent_brian2cuda(monkeypatch, backend):
    monkeypatch.setitem(sys.modules, "brian2cuda", None)
    with pytest.raises(
        ValueError, match=rf"backend {backend} needs brian2cuda .*install it with `pip install"
    ):
        find_backend(backend)(job_of(critic(np.random.default_rng(0)), "exact", 1))


def test_bio_does_not_import_brian2cuda():
    code = "import sys, bio.__main__, bio.simulate; sys.exit('brian2cuda' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_absent_headers(monkeypatch):
    monkeypatch.setattr(cuda_project, "wheels", lambda below: iter(()))
    monkeypatch.setattr(cuda_project, "toolkit", lambda: None)
    with pytest.raises(ValueError, match=r"Thrust.*install them with `pip install .*CUDA_PATH"):
        cuda_project.thrust_folder()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "nvidia-smi is not on PATH; use backend cuda_host"),
        ("echo NVIDIA-SMI has failed >&2; exit 9", "nvidia-smi said: NVIDIA-SMI has failed; use backend"),
        ("true", "nvidia-smi said: nothing"),
    ],
)
def test_absent_gpu(tmp_path, monkeypatch, script, message):
    monkeypatch.setenv("PATH", str(tmp_path))
    if script:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    with pytest.raises(ValueError, match=re.escape(message)):
        cuda_standalone.find_gpu()


def test_the_first_gpu_is_found(tmp_path, monkeypatch):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho '0, 9.0'\necho '1, 7.5'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cuda_standalone.find_gpu() == (0, 9.0)


def test_absent_nvcc(monkeypatch):
    monkeypatch.setattr(cuda_standalone, "toolkit", lambda: None)
    with pytest.raises(ValueError, match="needs nvcc, which is neither on PATH nor in CUDA_PATH"):
        cuda_standalone.toolchain(0, 9.0)


def test_absent_curand(tmp_path, monkeypatch):
    """A toolkit may lack it; the package from PyPI then serves."""
    monkeypatch.setattr(cuda_standalone, "wheels", lambda below: iter(()))
    with pytest.raises(
        ValueError, match=r"needs cuRAND, which .* lacks; install it with `pip install nvidia-curand`"
    ):
        cuda_standalone._curand(tmp_path)


@needs_brian2cuda
@pytest.mark.parametrize("level", LEVELS)
def test_the_generated_project(tmp_path, level):
    """Without a GPU or a toolkit; patterns only, for the text is brian2cuda's."""
    project = project_of(tmp_path / "a", critic(np.random.default_rng(0)), level)
    makefile = (project.sources / "makefile").read_text()
    flags = re.search(r"NVCCFLAGS = (.*)", makefile)[1]
    assert "-arch=sm_90" in flags
    assert flags.index("-std=c++11") < flags.index("-std=c++17")  # brian2cuda's comes first and loses
    assert "fast-math" not in flags.replace("_", "-")
    assert "-fmad=false" in flags
    main = (project.sources / "main.cu").read_text()
    assert f"size_t limit = {cuda_project.HEAP_MB} * 1024 * 1024" in main
    assert ".run(run_duration[0]," in main
    sources = {path.name: path.read_text() for path in project.sources.rglob("*.cu")}
    assert not [name for name, text in sources.items() if "defaultclock.timestep" in text]
    assert any("_brian_atomicAdd" in text for name, text in sources.items() if "synapses" in name)


@needs_brian2cuda
@pytest.mark.parametrize("level", LEVELS)
def test_generated_cuda_holds_no_data(tmp_path, level):
    first, other = (
        project_key(project_of(tmp_path / str(n), critic(np.random.default_rng(n)), level).sources, "")
        for n in (0, 1)
    )
    assert first == other


@needs_brian2cuda
def test_run_arguments_are_lower_case(tmp_path):
    """brian2cuda's program lower-cases what follows `=`: a name with capitals would not be found."""
    project = project_of(tmp_path, critic(np.random.default_rng(0)), "exact")
    assert "std::tolower" in (project.sources / "objects.cu").read_text()
    # bio.backends.program gives relative names: stimulus0.dat


@needs_brian2cuda
@needs_thrust
@pytest.mark.slow
@pytest.mark.parametrize("make", [critic, generator])
@pytest.mark.parametrize("level", LEVELS)
def test_cuda_code_on_the_cpu_gives_the_same_spikes(tmp_path, monkeypatch, make, level):
    monkeypatch.setenv("STUDY_CACHE", str(tmp_path / "Cache with Capitals"))
    rng = np.random.default_rng(1)
    network = make(rng)
    stimuli, draws = inputs_for(network, rng, 3)
    expected, found = (
        simulate(network, stimuli, level, backend, draws=draws, progress=False)
        for backend in ("cpp_standalone", "cuda_host")
    )
    assert "not races" in found.attributes["backend_covers"]
    for name, counts in expected.counts.items():
        assert counts.sum() > 0
        np.testing.assert_array_equal(found.counts[name], counts)
    for name, (_, values) in expected.readout.items():
        np.testing.assert_allclose(found.readout[name][1], values, rtol=0, atol=1e-9)


@needs_brian2cuda
@needs_nvcc
@pytest.mark.slow
def test_nvcc_compiles_synapses(tmp_path):
    """The whole project takes minutes; a file with kernels, Thrust and cuRAND stands for it."""
    try:
        toolchain = cuda_standalone.toolchain(0, 9.0)
    except ValueError as error:
        pytest.skip(str(error))
    project = project_of(tmp_path, critic(np.random.default_rng(0)), "exact", toolchain)
    run_commands([["make", "CXX=g++", "code_objects/conv2_synapses_arrive_codeobject.o"]], project.sources)
    assert (project.sources / "code_objects/conv2_synapses_arrive_codeobject.o").stat().st_size > 10_000
