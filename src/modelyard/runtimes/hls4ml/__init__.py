"""The FPGA path: a small network as C++ for high-level synthesis, in fixed-point arithmetic (hls4ml).

It runs here as its C simulation: the same C++, compiled for this processor, gives bit for bit what the circuit gives.
Synthesis itself needs the vendor's tools and is not done here. Knows no task by name.
"""

from modelyard.runtimes.hls4ml.runtime import Hls4ml

RUNTIME = Hls4ml()
