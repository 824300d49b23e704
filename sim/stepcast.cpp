#include "sim/stepcast.h"
