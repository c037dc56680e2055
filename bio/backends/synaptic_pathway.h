// Spikes on their way from neurons to their synapses, in place of Brian2's class of the same name.
//
// Brian2 keeps a list of the synapses of every neuron and puts the number of every synapse that a spike will reach into a
// queue, from which it is copied once more before it is used. Here synapses lie in the order of their neurons, so that those
// of one neuron are a range, and what waits is the neuron.
#ifndef BIO_SYNAPTIC_PATHWAY_H
#define BIO_SYNAPTIC_PATHWAY_H

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <vector>

using namespace std;  // as Brian2's header: the generated text relies on it

class SynapticPathway
{
public:
    // `sources`: the neuron of every synapse; `start` to `stop`: the neurons whose spikes this pathway sees.
    SynapticPathway(vector<int> &sources, int start, int stop) : sources(sources), start(start), stop(stop) {}

    template <typename scalar>
    void prepare(int, int, const scalar *delays, int n_delays, const int *of_synapse, int n_synapses, double dt)
    {
        if (n_delays > 1 && any_of(delays, delays + n_delays, [&](scalar d) { return d != delays[0]; }))
            refuse("synapses of one pathway differ in their delays");
        if (!is_sorted(of_synapse, of_synapse + n_synapses))
            refuse("synapses do not lie in the order of their neurons");
        first.assign(stop - start + 1, 0);
        for (int s = 0; s < n_synapses; s++) first[of_synapse[s] - start + 1]++;
        partial_sum(first.begin(), first.end(), first.begin());
        delay = n_delays ? (int)(delays[0] / dt + 0.5) : 0;
        waiting.resize(delay + 1);
    }

    void advance()
    {
        // By now all pathways of these synapses have been prepared, and the ranges say the same in less memory.
        if (sources.capacity()) vector<int>().swap(sources);
        waiting[now].clear();
        now = (now + 1) % waiting.size();
    }

    void push(const int *spikes, int n)
    {
        vector<int32_t> &later = waiting[(now + delay) % waiting.size()];
        for (int k = 0; k < n; k++)
            if (spikes[k] >= start && spikes[k] < stop) later.push_back(spikes[k]);
    }

    // Neurons whose spikes arrive now, in the order in which they were pushed.
    const vector<int32_t> &arriving() const { return waiting[now]; }

    // The synapses of a neuron are begin(neuron) to end(neuron) - 1.
    int32_t begin(int32_t neuron) const { return first[neuron - start]; }
    int32_t end(int32_t neuron) const { return first[neuron - start + 1]; }

    vector<int> &sources;  // the generated text names it

private:
    static void refuse(const char *why)
    {
        cerr << "Error: " << why << "; bio/backends/synaptic_pathway.h cannot simulate that." << endl;
        exit(1);
    }

    int start, stop, delay = 0;
    size_t now = 0;
    vector<int32_t> first;
    vector<vector<int32_t>> waiting;
};

#endif
