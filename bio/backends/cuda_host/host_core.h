// CUDA on one CPU thread: what brian2cuda's generated projects need of the runtime, as ordinary C++.
//
// A kernel launch becomes a loop over blocks and threads. The occupancy functions answer "one thread per block", so
// __syncthreads has nothing to do; should a project ask for more threads all the same, it stops with an error rather than
// give a result. New memory is filled with bytes 0xff (NaN, -1): code that reads what it never wrote is found out.
// This runs the logic of the project: indices, layout, order of kernels, files. It has no races, no launch limits, no
// rounding of a GPU, and its random numbers are not cuRAND's.
#pragma once
#include <assert.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
using std::max;
using std::min;

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ static
#define __forceinline__ inline
#define __launch_bounds__(...)

// ---------------------------------------------------------------------------------------------------------- launches

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct host_uint3 {
    unsigned x, y, z;
};
inline host_uint3 threadIdx{0, 0, 0}, blockIdx{0, 0, 0};
inline dim3 blockDim, gridDim;
constexpr size_t HOST_SHARED_BYTES = 1 << 20;
alignas(16) inline char host_shared[HOST_SHARED_BYTES];

[[noreturn]] inline void host_stop(const char *what)
{
    fprintf(stderr, "Error: CUDA on the CPU cannot run this project: %s\n", what);
    exit(1);
}

inline void __syncthreads()
{
    if (blockDim.x * blockDim.y * blockDim.z > 1) host_stop("threads of one block wait for each other");
}
inline void __threadfence() {}
inline void __threadfence_block() {}

template <class F>
void host_launch(F kernel, dim3 grid, dim3 block, size_t shared_bytes = 0, void * = nullptr)
{
    if (grid.y * grid.z * block.y * block.z != 1) host_stop("a launch has more than one dimension");
    if (shared_bytes > HOST_SHARED_BYTES) host_stop("a launch wants too much shared memory");
    gridDim = grid;
    blockDim = block;
    for (unsigned b = 0; b < grid.x; b++)
        for (unsigned t = 0; t < block.x; t++) {
            blockIdx.x = b;
            threadIdx.x = t;
            kernel();
        }
}

// --------------------------------------------------------------------------------------------------- device and memory

typedef int cudaError_t;
typedef int cudaError;
typedef void *cudaStream_t;
typedef void *cudaEvent_t;
enum { cudaSuccess = 0, cudaErrorMemoryAllocation = 2 };
enum cudaMemcpyKind {
    cudaMemcpyHostToHost,
    cudaMemcpyHostToDevice,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice,
    cudaMemcpyDefault
};
enum cudaLimit { cudaLimitMallocHeapSize };
struct cudaDeviceProp {
    char name[64];
    int major = 9, minor = 0, multiProcessorCount = 1, maxThreadsPerBlock = 1, warpSize = 1;
    int maxThreadsPerMultiProcessor = 1;
    size_t sharedMemPerBlock = HOST_SHARED_BYTES, totalGlobalMem = 1ull << 36;
    int maxThreadsDim[3] = {1, 1, 1};
    int maxGridSize[3] = {INT_MAX, 65535, 65535};
};
struct cudaFuncAttributes {
    int numRegs = 1, maxThreadsPerBlock = 1;
    size_t sharedSizeBytes = 0, constSizeBytes = 0, localSizeBytes = 0;
};

inline const char *cudaGetErrorString(int error) { return error == cudaErrorMemoryAllocation ? "out of memory" : "none"; }
inline int cudaGetLastError() { return cudaSuccess; }
inline int cudaPeekAtLastError() { return cudaSuccess; }
inline int cudaDeviceSynchronize() { return cudaSuccess; }
inline int cudaDeviceReset() { return cudaSuccess; }
inline int cudaSetDevice(int) { return cudaSuccess; }
inline int cudaProfilerStart() { return cudaSuccess; }
inline int cudaProfilerStop() { return cudaSuccess; }
inline int cudaDeviceSetLimit(int, size_t) { return cudaSuccess; }
inline int cudaMemGetInfo(size_t *available, size_t *total)
{
    *available = *total = 1ull << 36;
    return cudaSuccess;
}
inline int cudaGetDeviceProperties(cudaDeviceProp *properties, int)
{
    *properties = cudaDeviceProp();
    return cudaSuccess;
}
template <class T>
int cudaMalloc(T **pointer, size_t bytes)
{
    *pointer = static_cast<T *>(malloc(bytes ? bytes : 1));
    if (!*pointer) return cudaErrorMemoryAllocation;
    memset(static_cast<void *>(*pointer), 0xff, bytes);
    return cudaSuccess;
}
inline int cudaFree(void *pointer)
{
    free(pointer);
    return cudaSuccess;
}
inline int cudaMemcpy(void *to, const void *from, size_t bytes, int)
{
    memmove(to, from, bytes);
    return cudaSuccess;
}
inline int cudaMemset(void *to, int value, size_t bytes)
{
    memset(to, value, bytes);
    return cudaSuccess;
}
template <class T>
int cudaMemcpyToSymbol(T &symbol, const void *from, size_t bytes, size_t offset = 0, int = 0)
{
    memcpy((char *)&symbol + offset, from, bytes);
    return cudaSuccess;
}
template <class T>
int cudaMemcpyFromSymbol(void *to, const T &symbol, size_t bytes, size_t offset = 0, int = 0)
{
    memcpy(to, (const char *)&symbol + offset, bytes);
    return cudaSuccess;
}

// --------------------------------------------------------------------------- occupancy: one thread per block, always

template <class F>
int cudaFuncGetAttributes(cudaFuncAttributes *attributes, F)
{
    *attributes = cudaFuncAttributes();
    return cudaSuccess;
}
template <class F>
int cudaOccupancyMaxPotentialBlockSize(int *n_blocks, int *n_threads, F, size_t = 0, int = 0)
{
    *n_blocks = *n_threads = 1;
    return cudaSuccess;
}
template <class F>
int cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *n_blocks, F, int, size_t)
{
    *n_blocks = 1;
    return cudaSuccess;
}

// -------------------------------------------------------------------------------------- atomics: nobody else is there

template <class T, class U>
T atomicAdd(T *place, U value)
{
    T old = *place;
    *place = old + (T)value;
    return old;
}
template <class T, class U>
T atomicSub(T *place, U value)
{
    T old = *place;
    *place = old - (T)value;
    return old;
}
template <class T, class U>
T atomicExch(T *place, U value)
{
    T old = *place;
    *place = (T)value;
    return old;
}
template <class T, class U>
T atomicMax(T *place, U value)
{
    T old = *place;
    if ((T)value > old) *place = (T)value;
    return old;
}
template <class T, class U>
T atomicMin(T *place, U value)
{
    T old = *place;
    if ((T)value < old) *place = (T)value;
    return old;
}
template <class T, class U, class V>
T atomicCAS(T *place, U expected, V value)
{
    T old = *place;
    if (old == (T)expected) *place = (T)value;
    return old;
}

template <class To, class From>
To host_bits(From from)
{
    static_assert(sizeof(To) == sizeof(From), "as many bits");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
inline int __float_as_int(float value) { return host_bits<int>(value); }
inline float __int_as_float(int value) { return host_bits<float>(value); }
inline long long __double_as_longlong(double value) { return host_bits<long long>(value); }
inline double __longlong_as_double(long long value) { return host_bits<double>(value); }
