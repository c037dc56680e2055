// Stands in for cuRAND's device interface: one C++ generator per state.
#pragma once
#include <new>

#include "curand.h"

struct curandState {
    std::mt19937_64 engine;
};
typedef curandState curandStateXORWOW;

inline void curand_init(unsigned long long seed, unsigned long long sequence, unsigned long long, curandState *state)
{
    new (state) curandState;  // the memory is cudaMalloc's, so nothing was constructed there
    state->engine.seed(seed * 7919 + sequence);
}
inline float curand_uniform(curandState *state) { return std::uniform_real_distribution<float>(0, 1)(state->engine); }
inline double curand_uniform_double(curandState *state)
{
    return std::uniform_real_distribution<double>(0, 1)(state->engine);
}
inline float curand_normal(curandState *state) { return std::normal_distribution<float>()(state->engine); }
inline double curand_normal_double(curandState *state) { return std::normal_distribution<double>()(state->engine); }
inline unsigned curand_poisson(curandState *state, double mean)
{
    return std::poisson_distribution<unsigned>(mean)(state->engine);
}
