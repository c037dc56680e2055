// Stands in for the header of the same name of the CUDA toolkit.
#include "host_core.h"
