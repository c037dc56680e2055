// The least that has to be done for every synaptic event: look up target and weight, add. Prints seconds.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <vector>

template <class T>
std::vector<T> read(const char *name)
{
    std::ifstream file(name, std::ios::binary | std::ios::ate);
    std::vector<T> values(file.tellg() / sizeof(T));
    file.seekg(0);
    file.read(reinterpret_cast<char *>(values.data()), values.size() * sizeof(T));
    return values;
}

int main(int, char **name)
{
    const auto first = read<int64_t>(name[1]);                                  // first synapse of every unit
    const auto target = read<int32_t>(name[2]), kernel = read<int32_t>(name[3]);  // per synapse
    const auto weight = read<double>(name[4]);
    const auto spikes = read<int32_t>(name[5]);  // units, in the order in which they fired
    std::vector<double> current(1 << 22);
    const auto begin = std::chrono::steady_clock::now();
    for (const int32_t unit : spikes)
        for (int64_t s = first[unit]; s < first[unit + 1]; s++) current[target[s]] += weight[kernel[s]];
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    printf("%.6f %g\n", seconds.count(), current[0]);
}
