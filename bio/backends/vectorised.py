"""State updaters and thresholds of `cpp_standalone` that are computed for several neurons at a time.

A compiler vectorises a loop over neurons only if no branch stands in the way, if it knows that neurons are independent and,
where there are exponentials, of vector versions (glibc's libmvec: at most 4 units in the last place off, where the scalar ones
are within 1). Brian2's text says none of this. Which instructions are used is decided when the program starts
(`target_clones`), so that it runs on every processor of its kind. A level without exponentials per step keeps every bit.
"""

from __future__ import annotations

import re

from bio.backends.project import Project

SUPPORT = "////// SUPPORT CODE ///////"
UPDATERS = "code_objects/*_stateupdater_codeobject*.cpp"
THRESHOLDS = "code_objects/*_spike_thresholder_codeobject*.cpp"
FUNCTION = re.compile(r"^void (_run_\w+_codeobject\w*\(\))$", re.MULTILINE)
LOOP = re.compile(r"^( *)for\(int _idx=0; _idx<_N; _idx\+\+\)$", re.MULTILINE)
CONDITION = re.compile(
    r"^    for\(size_t _idx=0; _idx<N; _idx\+\+\)\n    \{\n(.*?)^        if\(_cond\) \{\n(.*?)^        \}\n    \}\n",
    re.MULTILINE | re.DOTALL,
)
EXPONENTIAL = re.compile(r"\b(exp|_exprel)\(")
EXPREL = re.compile(r"(static inline double _exprel\(double x\)\s*)\{.*?return expm1\(x\)/x;\s*\}", re.DOTALL)
POWER = "#define _brian_pow(x, y) (pow((x), (y)))"

PREAMBLE = """
#include <cmath>
#include <cstdint>
#include <cstring>
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12 && __GLIBC_PREREQ(2, 35)
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#define NEURONS_ARE_INDEPENDENT _Pragma("GCC ivdep")
#define WITH_VECTOR_VERSION __attribute__((simd("notinbranch")))
#endif
#endif
#ifndef FOR_EVERY_PROCESSOR
#define FOR_EVERY_PROCESSOR
#define NEURONS_ARE_INDEPENDENT
#endif
"""
OUR_LOOP = r"\1NEURONS_ARE_INDEPENDENT\n\g<0>"
# First who fires, of all neurons; then what becomes of those, eight at a time, of whom mostly none does.
OUR_CONDITION = r"""    static char _fires[N + 8];
    NEURONS_ARE_INDEPENDENT
    for(size_t _idx=0; _idx<N; _idx++)
    {
\1        _fires[_idx] = _cond;
    }
    for(size_t _first=0; _first<N; _first+=8)
    {
        uint64_t _any;
        memcpy(&_any, _fires + _first, 8);
        if(!_any)
            continue;
        for(size_t _idx=_first; _idx<_first + 8; _idx++)
        {
            if(!_fires[_idx])
                continue;
\2        }
    }
"""
# Of loops with exponentials alone. In others, a vector version might take the place of two scalar exponentials beside each
# other, and a product that of a power, and bits would change.
EXPONENTIALS = """
#ifdef WITH_VECTOR_VERSION
extern "C" {
WITH_VECTOR_VERSION double exp(double) noexcept;
WITH_VECTOR_VERSION double expm1(double) noexcept;
}
#endif
static inline double _whole_power(double x, double y) { return pow(x, y); }
static inline double _whole_power(double x, int y)
{
    switch (y) {
        case -1: return 1/x;
        case 2: return x*x;
        case 3: return x*x*x;
        case 4: return (x*x)*(x*x);
        default: return pow(x, y);
    }
}
"""
# The limits are those of Brian2's function, without its early returns.
OUR_EXPREL = """{
        const double y = x > 717 ? 717 : x;
        const double z = fabs(y) < 1e-16 ? 1e-16 : y;
        return expm1(z)/z;
    }"""
OUR_POWER = "#define _brian_pow(x, y) (_whole_power((x), (y)))"


def vectorise(project: Project) -> None:
    """Change the sources in place."""
    for pattern, loop, ours in ((UPDATERS, LOOP, OUR_LOOP), (THRESHOLDS, CONDITION, OUR_CONDITION)):
        for path in sorted(project.sources.glob(pattern)):
            path.write_text(for_several(path.read_text(), loop, ours))


def for_several(text: str, loop: re.Pattern[str], ours: str) -> str:
    """Return the text of a state updater or a threshold such that a compiler can vectorise its loop over neurons.

    Parameters
    ----------
    text : str
        What Brian2 wrote. It stays as it is where it holds no such loop or draws random numbers.
    loop : pattern
    ours : str
        What takes its place.
    """
    found = loop.search(text)
    if SUPPORT not in text or found is None or "_rand" in text[found.start() :]:
        return text
    head, support = text.split(SUPPORT, 1)
    support = FUNCTION.sub(r"FOR_EVERY_PROCESSOR void \1", loop.sub(ours, support))
    if not EXPONENTIAL.search(text, found.start()):
        return head + PREAMBLE + support
    support = EXPREL.sub(lambda found: found[1] + OUR_EXPREL, support).replace(POWER, OUR_POWER)
    return head + PREAMBLE + EXPONENTIALS + support
