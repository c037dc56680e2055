// The least that has to be done for every synaptic event: look up target and weight, add. Goes through all spikes again and
// again for at least 0.2 s and prints seconds per time.
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
    std::chrono::duration<double> seconds{0};
    int times = 0;
    for (; seconds.count() < 0.2; times++) {
        for (const int32_t unit : spikes)
            for (int64_t s = first[unit]; s < first[unit + 1]; s++) current[target[s]] += weight[kernel[s]];
        seconds = std::chrono::steady_clock::now() - begin;
    }
    printf("%.9g %g\n", seconds.count() / times, current[0]);
}
