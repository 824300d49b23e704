// The front door: everything a program that embeds stepcast needs, in the order of use.
#pragma once

#include "sim/engine/simulate.h"
#include "sim/lowering/lower.h"
#include "sim/memory/memory.h"
#include "sim/scenario/scenario.h"
