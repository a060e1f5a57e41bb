#include "gostackdump.h"
