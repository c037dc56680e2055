// Stands in for cuRAND's host interface. Its numbers are the C++ library's: other ones than cuRAND's for the same seed.
#pragma once
#define CURAND_H_
#include "host_core.h"

enum curandStatus_t {
    CURAND_STATUS_SUCCESS = 0,
    CURAND_STATUS_VERSION_MISMATCH = 100,
    CURAND_STATUS_NOT_INITIALIZED,
    CURAND_STATUS_ALLOCATION_FAILED,
    CURAND_STATUS_TYPE_ERROR,
    CURAND_STATUS_OUT_OF_RANGE,
    CURAND_STATUS_LENGTH_NOT_MULTIPLE,
    CURAND_STATUS_DOUBLE_PRECISION_REQUIRED,
    CURAND_STATUS_LAUNCH_FAILURE = 201,
    CURAND_STATUS_PREEXISTING_FAILURE,
    CURAND_STATUS_INITIALIZATION_FAILED,
    CURAND_STATUS_ARCH_MISMATCH,
    CURAND_STATUS_INTERNAL_ERROR = 999
};
typedef curandStatus_t curandStatus;
enum { CURAND_RNG_PSEUDO_DEFAULT = 100, CURAND_ORDERING_PSEUDO_DEFAULT = 101 };

struct host_generator {
    std::mt19937_64 engine;
};
typedef host_generator *curandGenerator_t;

inline curandStatus_t curandCreateGenerator(curandGenerator_t *generator, int)
{
    *generator = new host_generator;
    return CURAND_STATUS_SUCCESS;
}
inline curandStatus_t curandDestroyGenerator(curandGenerator_t generator)
{
    delete generator;
    return CURAND_STATUS_SUCCESS;
}
inline curandStatus_t curandSetPseudoRandomGeneratorSeed(curandGenerator_t generator, unsigned long long seed)
{
    generator->engine.seed(seed);
    return CURAND_STATUS_SUCCESS;
}
inline curandStatus_t curandSetGeneratorOffset(curandGenerator_t, unsigned long long) { return CURAND_STATUS_SUCCESS; }
inline curandStatus_t curandSetGeneratorOrdering(curandGenerator_t, int) { return CURAND_STATUS_SUCCESS; }

template <class T, class Distribution>
curandStatus_t host_fill(curandGenerator_t generator, T *values, size_t n, Distribution distribution)
{
    for (size_t i = 0; i < n; i++) values[i] = distribution(generator->engine);
    return CURAND_STATUS_SUCCESS;
}
inline curandStatus_t curandGenerateUniform(curandGenerator_t generator, float *values, size_t n)
{
    return host_fill(generator, values, n, std::uniform_real_distribution<float>(0, 1));
}
inline curandStatus_t curandGenerateUniformDouble(curandGenerator_t generator, double *values, size_t n)
{
    return host_fill(generator, values, n, std::uniform_real_distribution<double>(0, 1));
}
inline curandStatus_t curandGenerateNormal(curandGenerator_t generator, float *values, size_t n, float mean, float sd)
{
    return host_fill(generator, values, n, std::normal_distribution<float>(mean, sd));
}
inline curandStatus_t curandGenerateNormalDouble(
    curandGenerator_t generator, double *values, size_t n, double mean, double sd)
{
    return host_fill(generator, values, n, std::normal_distribution<double>(mean, sd));
}
inline curandStatus_t curandGeneratePoisson(curandGenerator_t generator, unsigned *values, size_t n, double mean)
{
    return host_fill(generator, values, n, std::poisson_distribution<unsigned>(mean));
}
