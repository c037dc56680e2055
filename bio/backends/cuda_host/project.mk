# Compile a generated CUDA project, its launches rewritten, with a C++ compiler. CXX and FLAGS come from the caller.
# Nearly all of the time goes into reading Thrust's headers: they are compiled once.
SOURCES := $(wildcard *.cu code_objects/*.cu)
OBJECTS := $(SOURCES:.cu=.o)

main: $(OBJECTS)
	$(CXX) -o $@ $^

%.o: %.cu all_headers.h.gch
	$(CXX) $(FLAGS) -include all_headers.h -c -x c++ $< -o $@

all_headers.h.gch: all_headers.h
	$(CXX) $(FLAGS) -x c++-header $< -o $@
