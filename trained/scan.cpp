// Neurons over all steps in one pass over memory, forward and backward. Equations: study.network and trained/scan.py.
// At the end, average pooling of their spikes (trained/average_pooling.py).
//
// Arrays are (step, unit), units contiguous. A thread takes a block of units through all steps with its state in cache. What
// backward needs of the membrane is computed again from the current, which costs less than to write and read it.
// Compiled with -ffp-contract=off: every product and sum is rounded as in trained/scan_plain.py, so both give the same bits.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

using Index = std::int64_t;

namespace {

constexpr Index BLOCK = 1024;       // units; one row of it stays in the first-level cache
constexpr Index SMALL = 1 << 15;    // unit-steps below which threads cost more than they save

struct BFloat16 {
    std::uint16_t bits;
};

inline float real(BFloat16 x) {
    const std::uint32_t bits = static_cast<std::uint32_t>(x.bits) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
inline float real(float x) { return x; }
inline double real(double x) { return x; }

inline void put(float& to, float value) { to = value; }
inline void put(double& to, double value) { to = value; }
inline void put(BFloat16& to, float value) {  // to the nearest, ties to even; NaN stays NaN
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    const std::uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    to.bits = static_cast<std::uint16_t>(value == value ? rounded : 0x7FC0);
}

template <typename Element>
struct Arithmetic {
    using Real = Element;
};
template <>
struct Arithmetic<BFloat16> {
    using Real = float;
};

enum Kind : std::int32_t { NEVER_FIRES, ATAN, RECTANGLE, SIGMOID, FAST_SIGMOID };

template <Kind kind, typename Real>
inline Real surrogate(Real distance, Real slope, Real height) {
    if constexpr (kind == ATAN) {
        const Real u = distance * slope;
        return Real(1) / (u * u + Real(1)) * height;
    } else if constexpr (kind == RECTANGLE) {
        return std::abs(distance) < slope ? height : Real(0);  // slope is half of the width here
    } else if constexpr (kind == SIGMOID) {
        const Real s = Real(1) / (std::exp(-(distance * slope)) + Real(1));
        return (Real(1) - s) * s * height;
    } else {
        const Real u = std::abs(distance * slope) + Real(1);
        return Real(1) / (u * u) * height;
    }
}

}  // namespace

extern "C" {

struct Rule {  // trained.scan_kernel.Rule
    double decay, gain, v_threshold, v_reset, centre, slope, height;
    std::int32_t kind, soft, inclusive, attached;
};

struct Job {  // trained.scan_kernel.Job
    const void *current, *grad_out;  // grad_out: backward only
    void* out;                       // spikes, or the gradient of the current
    double* sums;                    // gradients of decay, gain and threshold, 0 before; null if nobody asks
    Index steps, units, stride;      // stride: from one step of the current to the next; 0 if it is the same at all
    std::int32_t type, threads;      // type of all arrays: 0 float32, 1 float64, 2 bfloat16 (arithmetic in float32)
    Rule rule;
};
}

namespace {

template <typename Real>
struct Constants {
    Real decay, gain, v_threshold, v_reset, centre, slope, height;
    Real above;            // a neuron fires above it
    Real kept;             // share of the membrane's gradient that passes a reset: 0 hard, 1 soft
    Real jump, jump_by_h;  // what a spike does to the membrane, V - H = jump + jump_by_h H; 0 where it is detached
    bool soft;

    explicit Constants(const Rule& r)
        : decay(Real(r.decay)), gain(Real(r.gain)), v_threshold(Real(r.v_threshold)), v_reset(Real(r.v_reset)),
          centre(Real(r.centre)), slope(Real(r.slope)), height(Real(r.height)), above(v_threshold), kept(Real(r.soft)),
          jump(r.attached ? (r.soft ? -v_threshold : v_reset) : Real(0)),
          jump_by_h(r.attached && !r.soft ? Real(-1) : Real(0)), soft(r.soft) {
        // h >= threshold is h > the next number below it
        if (r.inclusive) above = std::nextafter(v_threshold, -std::numeric_limits<Real>::infinity());
    }
};

template <bool fires, typename Real>
inline Real after_reset(Real h, const Constants<Real>& c) {
    if constexpr (!fires) return h;
    return h > c.above ? (c.soft ? h - c.v_threshold : c.v_reset) : h;
}

template <bool fires, typename Element>
void forward_block(const Job& job, Index first) {
    using Real = typename Arithmetic<Element>::Real;
    const Constants<Real> c(job.rule);
    const Index n = std::min(BLOCK, job.units - first);
    Real v[BLOCK] = {};
    for (Index t = 0; t < job.steps; ++t) {
        const Element* x = static_cast<const Element*>(job.current) + t * job.stride + first;
        Element* y = static_cast<Element*>(job.out) + t * job.units + first;
        for (Index i = 0; i < n; ++i) {
            const Real h = v[i] * c.decay + real(x[i]) * c.gain;
            put(y[i], fires ? Real(h > c.above) : h);
            v[i] = after_reset<fires>(h, c);
        }
    }
}

// general: the spike passes gradient through the reset too, or gradients of the constants are wanted.
template <Kind kind, bool general, typename Element>
void backward_block(const Job& job, Index first, typename Arithmetic<Element>::Real* membrane, double* sums) {
    using Real = typename Arithmetic<Element>::Real;
    constexpr bool fires = kind != NEVER_FIRES;
    const Constants<Real> c(job.rule);
    const Index n = std::min(BLOCK, job.units - first);
    Real grad_h[BLOCK], grad_v[BLOCK] = {}, grad_threshold[BLOCK] = {}, total[BLOCK] = {};
    // Row t is the membrane before step t; the first row stays 0.
    if (fires || general)
        for (Index t = 0; t + 1 < job.steps; ++t) {
            const Element* x = static_cast<const Element*>(job.current) + t * job.stride + first;
            const Real* before = membrane + t * BLOCK;
            Real* after = membrane + (t + 1) * BLOCK;
            for (Index i = 0; i < n; ++i) after[i] = after_reset<fires>(before[i] * c.decay + real(x[i]) * c.gain, c);
        }
    for (Index t = job.steps - 1; t >= 0; --t) {
        const Element* g = static_cast<const Element*>(job.grad_out) + t * job.units + first;
        const Element* x = static_cast<const Element*>(job.current) + t * job.stride + first;
        const Real* v = membrane + t * BLOCK;
        Element* out = static_cast<Element*>(job.out) + t * job.units + first;
        for (Index i = 0; i < n; ++i) {
            grad_h[i] = real(g[i]) + grad_v[i];
            if constexpr (fires) {
                const Real h = v[i] * c.decay + real(x[i]) * c.gain;
                const bool fired = h > c.above;
                Real grad_s = real(g[i]);
                if constexpr (general) grad_s += (h * c.jump_by_h + c.jump) * grad_v[i];
                const Real through = fired ? grad_v[i] * c.kept : grad_v[i];
                const Real via_spike = grad_s * surrogate<kind>(h - c.centre, c.slope, c.height);
                grad_h[i] = via_spike + through;
                if constexpr (general) grad_threshold[i] = -via_spike - (fired ? grad_v[i] * c.kept : Real(0));
            }
            grad_v[i] = grad_h[i] * c.decay;
        }
        if (job.stride)
            for (Index i = 0; i < n; ++i) put(out[i], grad_h[i] * c.gain);
        else
            for (Index i = 0; i < n; ++i) total[i] += grad_h[i] * c.gain;
        if constexpr (general) {
            Real by_decay = 0, by_gain = 0, by_threshold = 0;
#pragma omp simd reduction(+ : by_decay, by_gain, by_threshold)
            for (Index i = 0; i < n; ++i) {
                by_decay += grad_h[i] * v[i];
                by_gain += grad_h[i] * real(x[i]);
                by_threshold += grad_threshold[i];
            }
            sums[0] += by_decay, sums[1] += by_gain, sums[2] += by_threshold;
        }
    }
    if (job.stride == 0)
        for (Index i = 0; i < n; ++i) put(static_cast<Element*>(job.out)[first + i], total[i]);
}

int threads_for(const Job& job) { return job.steps * job.units < SMALL ? 1 : job.threads; }

template <typename Element>
void forward(const Job& job) {
    auto* block = job.rule.kind == NEVER_FIRES ? forward_block<false, Element> : forward_block<true, Element>;
    [[maybe_unused]] const int threads = threads_for(job);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (Index first = 0; first < job.units; first += BLOCK) block(job, first);
}

template <Kind kind, typename Element>
void backward_of_kind(const Job& job) {
    using Real = typename Arithmetic<Element>::Real;
    auto* block = job.sums || job.rule.attached ? backward_block<kind, true, Element> : backward_block<kind, false, Element>;
    // Three sums per block, added up in order: the result does not depend on the number of threads.
    std::vector<double> sums((job.units + BLOCK - 1) / BLOCK * 3);
    [[maybe_unused]] const int threads = threads_for(job);
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        std::vector<Real> membrane(job.steps * BLOCK);
#pragma omp for schedule(static)
        for (Index first = 0; first < job.units; first += BLOCK)
            block(job, first, membrane.data(), sums.data() + first / BLOCK * 3);
    }
    if (job.sums)
        for (std::size_t i = 0; i < sums.size(); ++i) job.sums[i % 3] += sums[i];
}

template <typename Element>
void backward(const Job& job) {
    switch (job.rule.kind) {
        case NEVER_FIRES: return backward_of_kind<NEVER_FIRES, Element>(job);
        case ATAN: return backward_of_kind<ATAN, Element>(job);
        case RECTANGLE: return backward_of_kind<RECTANGLE, Element>(job);
        case SIGMOID: return backward_of_kind<SIGMOID, Element>(job);
        case FAST_SIGMOID: return backward_of_kind<FAST_SIGMOID, Element>(job);
    }
}

// Two rows of `width` become one of width / 2, or one becomes two. Images of even height lie row pair after row pair.
template <typename Element>
void pool_rows(const Element* in, Element* out, Index width) {
    using Real = typename Arithmetic<Element>::Real;
    const Element* below = in + width;
    for (Index x = 0; x < width / 2; ++x)
        put(out[x], (real(in[2 * x]) + real(in[2 * x + 1]) + real(below[2 * x]) + real(below[2 * x + 1])) * Real(0.25));
}

template <typename Element>
void unpool_rows(const Element* in, Element* out, Index width) {
    using Real = typename Arithmetic<Element>::Real;
    for (Index x = 0; x < width / 2; ++x) {
        Element quarter;
        put(quarter, real(in[x]) * Real(0.25));
        out[2 * x] = out[2 * x + 1] = out[width + 2 * x] = out[width + 2 * x + 1] = quarter;
    }
}

template <bool forwards, typename Element>
void pool(const void* from, void* to, Index n_pairs, Index width, [[maybe_unused]] int threads) {
    const Element* in = static_cast<const Element*>(from);
    Element* out = static_cast<Element*>(to);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1 && n_pairs * width >= SMALL)
    for (Index pair = 0; pair < n_pairs; ++pair)
        if (forwards)
            pool_rows(in + pair * 2 * width, out + pair * (width / 2), width);
        else
            unpool_rows(in + pair * (width / 2), out + pair * 2 * width, width);
}

template <bool forwards>
void pool_of_type(const void* in, void* out, Index n_pairs, Index width, std::int32_t type, std::int32_t threads) {
    if (type == 0) pool<forwards, float>(in, out, n_pairs, width, threads);
    if (type == 1) pool<forwards, double>(in, out, n_pairs, width, threads);
    if (type == 2) pool<forwards, BFloat16>(in, out, n_pairs, width, threads);
}

}  // namespace

extern "C" {

void scan_forward(const Job* job) {
    if (job->type == 0) forward<float>(*job);
    if (job->type == 1) forward<double>(*job);
    if (job->type == 2) forward<BFloat16>(*job);
}

void scan_backward(const Job* job) {
    if (job->type == 0) backward<float>(*job);
    if (job->type == 1) backward<double>(*job);
    if (job->type == 2) backward<BFloat16>(*job);
}

// Means of 2 x 2 neighbours, and backward a quarter to each. width: of the larger image; n_pairs: its rows, two and two.
void pool_forward(const void* in, void* out, Index n_pairs, Index width, std::int32_t type, std::int32_t threads) {
    pool_of_type<true>(in, out, n_pairs, width, type, threads);
}

void pool_backward(const void* in, void* out, Index n_pairs, Index width, std::int32_t type, std::int32_t threads) {
    pool_of_type<false>(in, out, n_pairs, width, type, threads);
}
}
