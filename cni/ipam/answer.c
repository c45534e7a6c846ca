/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cni/ipam/ipam.h"

void ipam_answer_done(struct ipam_answer *answer)
{
	cni_dns_done(&answer->dns);
	free(answer->nics);
	answer->nics = NULL;
	answer->n_nics = 0;
}
